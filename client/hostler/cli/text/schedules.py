"""Schedules: a row of a table, a schedule in lines, and its coming ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import Column
from hostler.cli.text.definitions import definition_lines, description_lines
from hostler.cli.text.run_requests import run_config_lines, tags_lines
from hostler.client.names import parse_definition

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


def schedule_row(item: ScheduleSummary) -> tuple[str, ...]:
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


def schedule_lines(item: Schedule) -> Iterator[str]:
    yield from definition_lines(item.name, item.source)
    yield from description_lines(item.description)
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


def tick_lines(tick: ScheduleTick) -> Iterator[str]:
    time = tick.local_time.replace("T", " ")
    yield click.style(time, bold=True) + ("  not executed" if tick.skipped else "")
    yield from tags_lines(tick.tags, "  ")
    yield from run_config_lines(tick.run_config, "  ")
