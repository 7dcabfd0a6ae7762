"""hostler schedule: list, show, preview, start and stop schedules; show their ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.definitions import open_definitions, open_served_definitions
from hostler.cli.options.completion import complete_schedule
from hostler.cli.options.scope import scope_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, echo_table, json_option, terminal_width
from hostler.cli.terminal.table import table_lines
from hostler.cli.text.schedules import (
    COLUMNS,
    activity_line,
    schedule_lines,
    schedule_row,
    tick_lines,
)
from hostler.cli.text.ticks import COLUMNS as TICK_COLUMNS
from hostler.cli.text.ticks import tick_log_lines, tick_row
from hostler.v1.definitions_pb2 import Tick
from hostler.v1.repository_pb2 import (
    ListSchedulesResponse,
    ListTicksResponse,
    PreviewScheduleResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.v1.definitions_pb2 import Schedule

_NAME = click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_schedule)


@click.group()
def schedule() -> None:
    """List, show, preview, start and stop schedules."""


@schedule.command("list", short_help="List the schedules.")
@target_options()
@scope_options
@json_option
def list_schedules(
    *, target: Target, location: str | None, repository: str | None, as_json: bool
) -> int:
    """List the schedules: whether each runs, when it is due next, and what became of its last tick.

    A lazy one is not constructed for that, so only its name is known.

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


@schedule.command(short_help="Have a schedule launch runs.")
@target_options()
@scope_options
@json_option
@_NAME
def start(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str
) -> None:
    """Have a schedule launch runs from now on, whatever its code says.

    The daemon keeps the choice until the schedule is stopped, also when it is restarted. What was
    due before is not made up for.

    \b
    hostler schedule start nightly
    hostler schedule start -l etl nightly
    """
    with open_served_definitions(target, location) as definitions:
        path = definitions.find_schedule(name, location, repository)
        message = definitions.client.start_schedule(path.location, path.repository, path.name)
    _report(message, as_json=as_json)


@schedule.command(short_help="Have a schedule launch no runs.")
@target_options()
@scope_options
@json_option
@_NAME
def stop(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str
) -> None:
    """Have a schedule launch no runs from now on, whatever its code says.

    The daemon keeps the choice until the schedule is started, also when it is restarted. Ticks that
    wait are skipped; runs that were launched go on. With -l and -r this works also while the
    location does not answer.

    \b
    hostler schedule stop nightly
    hostler schedule stop -l etl -r repo nightly
    """
    with open_served_definitions(target, location) as definitions:
        path = definitions.locate_schedule(name, location, repository)
        message = definitions.client.stop_schedule(path.location, path.repository, path.name)
    _report(message, as_json=as_json)


def _report(message: Schedule, *, as_json: bool) -> None:
    if as_json:
        echo_json(message)
    else:
        click.echo(activity_line(message))


_TICK_STATES = [name for name, number in Tick.State.items() if number]
_STATE = click.option(
    "-s",
    "--state",
    "states",
    multiple=True,
    type=click.Choice(_TICK_STATES, case_sensitive=False),
    metavar="STATE",
    help=f"Only ticks in this state: {', '.join(_TICK_STATES)}. May be given more than once.",
)


def _last_option(default: int) -> Callable[[click.decorators.FC], click.decorators.FC]:
    return click.option(
        "-n",
        "--last",
        type=click.IntRange(min=0),
        metavar="N",
        default=default,
        show_default=True,
        help="Only the N newest ones; 0 for all.",
    )


@schedule.command(short_help="Show the ticks of a schedule, newest first.")
@target_options()
@scope_options
@_STATE
@_last_option(50)
@json_option
@_NAME
def ticks(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    states: tuple[str, ...],
    last: int,
    as_json: bool,
    name: str,
) -> None:
    """Show when a schedule was due and what became of it, newest first.

    \b
    hostler schedule ticks nightly
    hostler schedule ticks -s FAILED -s MISSED nightly
    hostler schedule ticks nightly --json | jq -r '.ticks[] | select(.run) | .run'
    """
    found = _ticks(target, location, repository, name, states, last)
    if as_json:
        echo_json(ListTicksResponse(ticks=found))
    else:
        echo_table(TICK_COLUMNS, [tick_row(tick) for tick in found], "no ticks")


@schedule.command(short_help="Show what became of the ticks in full, oldest first.")
@target_options()
@scope_options
@_STATE
@_last_option(20)
@json_option
@_NAME
def logs(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    states: tuple[str, ...],
    last: int,
    as_json: bool,
    name: str,
) -> None:
    """Show what became of the ticks of a schedule, with reasons and tracebacks, oldest first.

    What the functions of a schedule print is among the lines of its location: see hostler logs.

    \b
    hostler schedule logs nightly
    hostler schedule logs -s FAILED -n 1 nightly
    """
    found = _ticks(target, location, repository, name, states, last)[::-1]
    if as_json:
        echo_json(ListTicksResponse(ticks=found))
        return
    for tick in found:
        for line in tick_log_lines(tick):
            click.echo(line)


def _ticks(
    target: Target,
    location: str | None,
    repository: str | None,
    name: str,
    states: tuple[str, ...],
    last: int,
) -> list[Tick]:
    with open_served_definitions(target, location) as definitions:
        path = definitions.locate_schedule(name, location, repository)
        return definitions.client.ticks(
            *(path.location, path.repository, path.name),
            last or None,
            states=[Tick.State.Value(state) for state in states],
        )


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
