"""hostler schedule: list, show and preview schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.definitions import open_definitions, scope_options
from hostler.cli.options.completion import complete_schedule
from hostler.cli.options.target import Target, target_options
from hostler.cli.terminal.output import echo_json, json_option, terminal_width
from hostler.cli.terminal.table import Column, table_lines
from hostler.cli.text.formats import home_relative
from hostler.cli.text.run_requests import run_config_lines, tags_lines
from hostler.client.names import parse_definition
from hostler.v1.repository_pb2 import ListSchedulesResponse, PreviewScheduleResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.v1.definitions_pb2 import Schedule, ScheduleSummary, ScheduleTick

COLUMNS = (
    Column("SCHEDULE"),
    Column("REPOSITORY"),
    Column("LOCATION"),
    Column("CRON"),
    Column("TIMEZONE", drop_order=1),
    Column("PIPELINE", drop_order=2),
    Column("DESCRIPTION", drop_order=3),
)

_NAME = click.argument("name", shell_complete=complete_schedule)


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
    with open_definitions(target, location) as found:
        reachable = not (location and found.absent)
        schedules = found.client.schedules(location, repository) if reachable else []
        if as_json:
            echo_json(ListSchedulesResponse(schedules=schedules))
        else:
            rows = [_row(item) for item in schedules]
            for line in table_lines(COLUMNS, rows, terminal_width()):
                click.echo(line)
        return found.report_absent()


@schedule.command(short_help="Show one schedule.")
@target_options()
@scope_options
@json_option
@_NAME
def show(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str
) -> None:
    """Show a schedule: when it is due, for which pipeline, with which run config.

    A lazy schedule is constructed. Where no daemon runs for the target, one is started for the
    duration.

    \b
    hostler schedule show nightly
    """
    with open_definitions(target, location) as found:
        path = found.find_schedule(name, location, repository)
        message = found.client.schedule(path.location, path.repository, path.name)
    if as_json:
        echo_json(message)
    else:
        for line in _lines(message):
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
    name: str,
) -> None:
    """Show the next times at which a schedule is due, with the run config of each.

    The times are those of the schedule's time zone. The schedule's functions are called; nothing is
    launched. Where no daemon runs for the target, one is started for the duration.

    \b
    hostler schedule preview nightly
    hostler schedule preview nightly -n 10 --json | jq -r '.ticks[].time'
    """
    with open_definitions(target, location) as found:
        path = found.find_schedule(name, location, repository)
        ticks = found.client.preview_schedule(
            path.location, path.repository, path.name, count=count
        )
    if as_json:
        echo_json(PreviewScheduleResponse(ticks=ticks))
    else:
        for tick in ticks:
            for line in _tick_lines(tick):
                click.echo(line)


def _row(item: ScheduleSummary) -> tuple[str, ...]:
    path = parse_definition(item.name)
    return (
        path.name,
        path.repository,
        path.location,
        "lazy" if item.lazy else item.cron_schedule,
        item.execution_timezone,
        parse_definition(item.pipeline).name if item.pipeline else "",
        item.description.partition("\n")[0],
    )


def _lines(item: Schedule) -> Iterator[str]:
    path = parse_definition(item.name)
    yield click.style(path.name, bold=True)
    yield f"  location {path.location}, repository {path.repository}"
    if item.source.file:
        yield f"  {home_relative(item.source.file)}:{item.source.line}"
    for line in item.description.strip().splitlines():
        yield f"  {line}"
    yield f"  {item.cron_schedule}  ({item.execution_timezone})"
    yield f"  pipeline {parse_definition(item.pipeline).name}"
    if item.computes_should_execute:
        yield "  a function says whether it executes"
    if item.environment_vars:
        variables = sorted(item.environment_vars.items())
        yield "  environment: " + ", ".join(f"{key}={value}" for key, value in variables)
    yield from ["  tags: made by a function"] if item.computes_tags else tags_lines(item.tags, "  ")
    if item.computes_run_config:
        yield "  run config: made by a function; see hostler schedule preview"
    elif item.run_config.fields:
        yield "  run config"
        yield from run_config_lines(item.run_config, "    ")


def _tick_lines(tick: ScheduleTick) -> Iterator[str]:
    time = tick.local_time.replace("T", " ")
    yield click.style(time, bold=True) + ("  not executed" if tick.skipped else "")
    yield from tags_lines(tick.tags, "  ")
    yield from run_config_lines(tick.run_config, "  ")
