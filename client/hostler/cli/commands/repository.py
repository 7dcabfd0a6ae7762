"""hostler repository: the repositories of the locations."""

from __future__ import annotations

import click

from hostler.cli.daemons.definitions import open_definitions
from hostler.cli.options.completion import complete_location
from hostler.cli.options.target import Target, target_options
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.output import echo_json, echo_table, json_option
from hostler.cli.terminal.table import Column
from hostler.client.names import parse_repository
from hostler.v1.repository_pb2 import ListRepositoriesResponse

COLUMNS = (
    Column("REPOSITORY"),
    Column("LOCATION"),
    Column("PIPELINES", align_right=True),
    Column("DESCRIPTION", drop_order=1),
)


@click.group(cls=Group)
def repository() -> None:
    """Repositories of the locations."""


@repository.command("list", short_help="List the repositories.")
@target_options()
@click.option(
    "-l",
    "--location",
    metavar="LOCATION",
    shell_complete=complete_location,
    help="Only of this location.",
)
@json_option
def list_repositories(*, target: Target, location: str | None, as_json: bool) -> int:
    """List the repositories of a location, or of all.

    Where no daemon runs for the target, one is started for the duration. Exit 4 if a location does
    not answer.

    \b
    hostler repository list
    hostler repository list -f repos.py
    """
    with open_definitions(target, location) as found:
        repositories = (
            found.client.repositories(location) if not location or not found.absent else []
        )
        if as_json:
            echo_json(ListRepositoriesResponse(repositories=repositories))
        else:
            rows = []
            for item in repositories:
                path = parse_repository(item.name)
                summary = item.description.partition("\n")[0]
                rows.append((path.repository, path.location, str(len(item.pipelines)), summary))
            if rows or not found.absent:
                echo_table(COLUMNS, rows, "no repositories")
        return found.report_absent()
