"""How a backfill is shown: plain lines, JSON, or a bar on a terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import click

from hostler.cli.terminal.exits import say
from hostler.cli.terminal.output import echo_json, is_interactive
from hostler.cli.text.formats import format_duration, format_time, seconds_since
from hostler.client.names import partition_id, run_id
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.client.backfill import Backfill

#: Partitions with longer names push their line to the right.
PARTITION_WIDTH = 16


class BackfillDisplay(Protocol):
    """Where the runs of a backfill are shown."""

    def launched(self, run: Run) -> None: ...

    def ended(self, run: Run) -> None: ...

    def say(self, message: str) -> None:
        """Says something to the person."""
        ...


class PlainBackfillDisplay:
    """Plain lines."""

    def launched(self, run: Run) -> None:
        moment = format_time(run.create_time)
        click.echo(f"{moment}  {_partition(run)}  launched, run {run_id(run.name)}")

    def ended(self, run: Run) -> None:
        click.echo(backfill_run_line(run))

    def say(self, message: str) -> None:
        say(message)


class JsonBackfillDisplay:
    """One Run a line: as it is at its launch, and at its end."""

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
    """Where the runs of a backfill are shown; with `plain` there is no bar."""
    if as_json:
        yield JsonBackfillDisplay()
    elif is_interactive() and not plain:
        # Rich takes 80 ms to import, which scripts need not wait for.
        from hostler.cli.live.backfill_progress import BackfillProgress

        with BackfillProgress(len(backfill.partitions)) as progress:
            yield progress
    else:
        yield PlainBackfillDisplay()


def backfill_run_line(run: Run) -> str:
    """How a run has ended: time, partition, what came of it."""
    if not run.state:
        return (
            f"{format_time(run.create_time)}  {_partition(run)}  the record of its run is deleted"
        )
    head = f"{format_time(run.end_time)}  {_partition(run)}  "
    if run.state == Run.SUCCEEDED:
        taken = format_duration(seconds_since(run.start_time) - seconds_since(run.end_time))
        return f"{head}{click.style('succeeded', fg='green')} in {taken}"
    word = click.style(Run.State.Name(run.state).lower(), fg="red")
    reason = f": {run.failure.message}" if run.failure.message else ""
    return f"{head}{word}, run {run_id(run.name)}{reason}"


def _partition(run: Run) -> str:
    return f"{partition_id(run.partition):<{PARTITION_WIDTH}}"
