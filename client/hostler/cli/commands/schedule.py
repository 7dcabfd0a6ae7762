"""hostler schedule: list, show and preview schedules."""

from __future__ import annotations

import click

from hostler.cli.daemons.definitions import open_definitions
from hostler.cli.options.completion import complete_schedule
from hostler.cli.options.scope import scope_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, json_option, terminal_width
from hostler.cli.terminal.table import table_lines
from hostler.cli.text.schedules import COLUMNS, schedule_lines, schedule_row, tick_lines
from hostler.v1.repository_pb2 import ListSchedulesResponse, PreviewScheduleResponse

_NAME = click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_schedule)


@click.group()
def schedule() -> None:
    """List, show and preview schedules."""


@schedule.command("list", short_help="List the schedules.")
@target_options()
@scope_options
@json_option
def list_schedules(
    *, target: Target, location: str | None, repository: str | None, as_json: bool
) -> int:
    """List the schedules; a lazy one is not constructed for that, so only its name is known.

    Where no daemon runs for the target, one is started for the duration. Exit 4 if a location does
    not answer.

    \b
    hostler schedule list
    hostler schedule list -f repos.py
    """
    with open_definitions(target, location) as definitions:
        reachable = not (location and definitions.absent)
        schedules = definitions.client.schedules(location, repository) if reachable else []
        if as_json:
            echo_json(ListSchedulesResponse(schedules=schedules))
        else:
            rows = [schedule_row(item) for item in schedules]
            for line in table_lines(COLUMNS, rows, terminal_width()):
                click.echo(line)
        return definitions.report_absent()


@schedule.command(short_help="Show one schedule.")
@target_options()
@scope_options
@json_option
@_NAME
def show(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str | None
) -> None:
    """Show a schedule: when it is due, for which pipeline, with which run config.

    NAME is not needed where there is only one. A lazy schedule is constructed. Where no daemon runs
    for the target, one is started for the duration.

    \b
    hostler schedule show nightly
    """
    with open_definitions(target, location) as definitions:
        path = definitions.find_schedule(name, location, repository)
        message = definitions.client.schedule(path.location, path.repository, path.name)
    if as_json:
        echo_json(message)
    else:
        for line in schedule_lines(message):
            click.echo(line)


@schedule.command(short_help="Show when a schedule is due next.")
@target_options()
@scope_options
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="N",
    help="So many times.",
)
@json_option
@_NAME
def preview(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    count: int,
    as_json: bool,
    name: str | None,
) -> None:
    """Show the next times at which a schedule is due, with the run config of each.

    NAME is not needed where there is only one schedule. The times are those of its time zone. Its
    functions are called; nothing is launched. Where no daemon runs for the target, one is started
    for the duration.

    \b
    hostler schedule preview nightly
    hostler schedule preview nightly -n 10 --json | jq -r '.ticks[].time'
    """
    with open_definitions(target, location) as definitions:
        path = definitions.find_schedule(name, location, repository)
        ticks = definitions.client.preview_schedule(
            path.location, path.repository, path.name, count=count
        )
    if as_json:
        echo_json(PreviewScheduleResponse(ticks=ticks))
    else:
        for tick in ticks:
            for line in tick_lines(tick):
                click.echo(line)
