"""Ticks on record: a row of a table, and all that is known of one in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import Column
from hostler.cli.text.formats import format_date, format_duration, to_seconds
from hostler.client.names import run_id
from hostler.v1.definitions_pb2 import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (
    Column("DUE"),
    Column("STATE"),
    Column("RUN"),
    Column("TOOK", drop_order=2),
    Column("TRIES", drop_order=1),
    Column("REASON", drop_order=3),
)

COLORS = {Tick.LAUNCHED: "green", Tick.FAILED: "red", Tick.MISSED: "yellow"}


def tick_row(tick: Tick) -> tuple[str, ...]:
    return (
        format_date(tick.scheduled_time),
        state_name(tick),
        run_id(tick.run),
        format_duration(to_seconds(tick.duration)) if tick.attempts else "",
        str(tick.attempts or ""),
        tick.reason.partition("\n")[0],
    )


def tick_log_lines(tick: Tick) -> Iterator[str]:
    due = format_date(tick.scheduled_time)
    if tick.HasField("first_scheduled_time"):
        due = f"{format_date(tick.first_scheduled_time)} to {due}"
    told = run_id(tick.run) and f"run {run_id(tick.run)}"
    text = f"{click.style(due, bold=True)}  {state_name(tick)}  {told or tick.reason}"
    yield text.rstrip()
    if tick.attempts:
        tries = "1 try" if tick.attempts == 1 else f"{tick.attempts} tries"
        yield f"  its functions took {format_duration(to_seconds(tick.duration))} in {tries}"
    for line in tick.exception.traceback.splitlines():
        yield f"  {line}"


def state_name(tick: Tick) -> str:
    """Returns the state in its colour."""
    return click.style(Tick.State.Name(tick.state), fg=COLORS.get(tick.state))
