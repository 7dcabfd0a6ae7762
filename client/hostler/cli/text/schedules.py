"""Schedules: a row of a table, a schedule in lines, and its coming ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import Column
from hostler.cli.text.definitions import definition_lines, description_lines
from hostler.cli.text.formats import format_date
from hostler.cli.text.run_requests import run_config_lines, tags_lines
from hostler.client.names import parse_definition
from hostler.v1.definitions_pb2 import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.v1.definitions_pb2 import (
        Schedule,
        ScheduleActivity,
        ScheduleSummary,
        ScheduleTick,
    )

COLUMNS = (
    Column("SCHEDULE"),
    Column("REPOSITORY"),
    Column("LOCATION"),
    Column("STATUS"),
    Column("CRON"),
    Column("TIMEZONE", drop_order=2),
    Column("NEXT"),
    Column("LAST", drop_order=1),
    Column("PIPELINE", drop_order=3),
    Column("DESCRIPTION", drop_order=4),
)


def schedule_row(item: ScheduleSummary) -> tuple[str, ...]:
    path = parse_definition(item.name)
    return (
        path.name,
        path.repository,
        path.location,
        status_name(item.activity),
        "lazy" if item.lazy else item.cron_schedule,
        item.execution_timezone,
        *_next_and_last(item.activity),
        parse_definition(item.pipeline).name if item.pipeline else "",
        item.description.partition("\n")[0],
    )


def status_name(activity: ScheduleActivity) -> str:
    """Returns whether a schedule launches runs."""
    if activity.problem:
        return click.style("FAULTY", fg="red")
    return click.style("RUNNING", fg="green") if activity.is_running else "STOPPED"


def activity_line(item: Schedule) -> str:
    """Returns whether a schedule runs, and when it is due next."""
    following, _ = _next_and_last(item.activity)
    text = f"{parse_definition(item.name).name}  {status_name(item.activity)}"
    if item.activity.problem:
        return f"{text}  {item.activity.problem}"
    return f"{text}  next {following}" if following else text


def _next_and_last(activity: ScheduleActivity) -> tuple[str, str]:
    times = [format_date(each) for each in activity.next_tick_times[:1]]
    last = activity.last_tick
    known = f"{format_date(last.scheduled_time)} {Tick.State.Name(last.state)}"
    return "".join(times), known if activity.HasField("last_tick") else ""


def _activity_lines(activity: ScheduleActivity) -> Iterator[str]:
    chosen = "by command" if activity.is_chosen else "by its code"
    yield f"  {status_name(activity)} {chosen}"
    if activity.problem:
        yield f"  {activity.problem}"
    following, last = _next_and_last(activity)
    if following:
        yield f"  next {following}"
    if last:
        yield f"  last {last}"
        if activity.last_tick.reason:
            yield f"    {activity.last_tick.reason}"


def schedule_lines(item: Schedule) -> Iterator[str]:
    yield from definition_lines(item.name, item.source)
    yield from description_lines(item.description)
    yield f"  {item.cron_schedule}  ({item.execution_timezone})"
    yield from _activity_lines(item.activity)
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


def tick_lines(tick: ScheduleTick) -> Iterator[str]:
    time = tick.local_time.replace("T", " ")
    skipped = f"  not executed: {tick.skip_reason}".removesuffix(": ")
    yield click.style(time, bold=True) + (skipped if tick.skipped else "")
    yield from tags_lines(tick.tags, "  ")
    yield from run_config_lines(tick.run_config, "  ")
