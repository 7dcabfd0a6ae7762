"""hostler repository: list the repositories of the locations."""

from __future__ import annotations

import click

from hostler.cli.daemons.definitions import open_definitions
from hostler.cli.options.completion import complete_location
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.output import echo_json, echo_table, json_option
from hostler.cli.text.repositories import COLUMNS, repository_row
from hostler.v1.repository_pb2 import ListRepositoriesResponse


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
    with open_definitions(target, location) as definitions:
        reachable = not (location and definitions.absent)
        repositories = definitions.client.repositories(location) if reachable else []
        if as_json:
            echo_json(ListRepositoriesResponse(repositories=repositories))
        else:
            rows = [repository_row(item) for item in repositories]
            if rows or not definitions.absent:
                echo_table(COLUMNS, rows, "no repositories")
        return definitions.report_absent()
