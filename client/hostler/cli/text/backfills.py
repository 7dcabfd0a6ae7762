"""The runs of a backfill as lines."""

from __future__ import annotations

import click

from hostler.cli.text.formats import format_duration, format_time, seconds_since
from hostler.client.names import partition_id, run_id
from hostler.v1.run_pb2 import Run

#: Partitions with longer names push their line to the right.
PARTITION_WIDTH = 16


def backfill_run_line(run: Run) -> str:
    """Returns how a run has ended, in a line: time, partition, outcome."""
    partition = partition_column(run)
    if not run.state:
        return f"{format_time(run.create_time)}  {partition}  the record of its run is deleted"
    head = f"{format_time(run.end_time)}  {partition}  "
    if run.state == Run.SUCCEEDED:
        taken = format_duration(seconds_since(run.start_time) - seconds_since(run.end_time))
        return f"{head}{click.style('succeeded', fg='green')} in {taken}"
    word = click.style(Run.State.Name(run.state).lower(), fg="red")
    reason = f": {run.failure.message}" if run.failure.message else ""
    return f"{head}{word}, run {run_id(run.name)}{reason}"


def partition_column(run: Run) -> str:
    return f"{partition_id(run.partition):<{PARTITION_WIDTH}}"
