"""Showing a backfill: as plain lines, as JSON, or as a bar on a terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import click

from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, is_interactive
from hostler.cli.text.backfills import backfill_run_line, partition_column
from hostler.cli.text.formats import format_time
from hostler.client.names import run_id
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.client.backfill import Backfill


class BackfillDisplay(Protocol):
    """Shows the runs of a backfill."""

    def launched(self, run: Run) -> None: ...

    def ended(self, run: Run) -> None: ...

    def say(self, message: str) -> None:
        """Says something to the person."""
        ...


class PlainBackfillDisplay:
    """Prints a line for each launch and each end."""

    def launched(self, run: Run) -> None:
        time = format_time(run.create_time)
        click.echo(f"{time}  {partition_column(run)}  launched, run {run_id(run.name)}")

    def ended(self, run: Run) -> None:
        click.echo(backfill_run_line(run))

    def say(self, message: str) -> None:
        say(message)


class JsonBackfillDisplay:
    """Prints each run as a line of JSON, at its launch and at its end."""

    def launched(self, run: Run) -> None:
        echo_json(run, compact=True)

    def ended(self, run: Run) -> None:
        echo_json(run, compact=True)

    def say(self, message: str) -> None:
        say(message)


@contextlib.contextmanager
def backfill_display(
    backfill: Backfill, *, as_json: bool, plain: bool
) -> Iterator[BackfillDisplay]:
    """Gives the display for a backfill; with `plain` it is no bar."""
    if as_json:
        yield JsonBackfillDisplay()
    elif is_interactive() and not plain:
        # Rich takes 80 ms to import, which scripts need not wait for.
        from hostler.cli.live.backfill_progress import BackfillProgress

        with BackfillProgress(len(backfill.partitions)) as progress:
            yield progress
    else:
        yield PlainBackfillDisplay()
