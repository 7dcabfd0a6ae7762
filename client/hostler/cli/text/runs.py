"""Runs: a row of a table, and a run in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import Cell, Column
from hostler.cli.text.formats import format_date, format_duration, seconds_since
from hostler.cli.text.run_requests import run_config_lines
from hostler.client.names import parse_pipeline, partition_id, run_id
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS = (
    Column("RUN"),
    Column("PIPELINE"),
    Column("LOCATION", drop_order=1),
    Column("STATE"),
    Column("CREATED", drop_order=3),
    Column("DURATION", align_right=True, drop_order=2),
    Column("PARTITION", drop_order=4),
)

#: Characters of an id: among 10,000 runs, two share them once in a hundred times.
SHORT_ID = 8

COLORS = {
    Run.RUNNING: "yellow",
    Run.SUCCEEDED: "green",
    Run.FAILED: "red",
    Run.CANCELING: "yellow",
    Run.CANCELED: "red",
    Run.INTERRUPTED: "red",
}


def run_change_line(run: Run) -> str:
    """Returns a run in a line: id, pipeline, state, and how many of its steps have ended."""
    progress = run.progress
    ended = progress.succeeded + progress.failed + progress.skipped + progress.stopped
    steps = f"{ended}/{progress.total}" if progress.total else str(ended)
    state = click.style(Run.State.Name(run.state), fg=COLORS.get(run.state))
    failed = f", {progress.failed} failed" * bool(progress.failed)
    pipeline = parse_pipeline(run.pipeline).pipeline
    return f"{run_id(run.name)}  {pipeline}  {state}  {steps} steps{failed}"


def run_lines(run: Run) -> Iterator[str]:
    """Yields a run: its place, its state, its times, its run config and why it failed."""
    path = parse_pipeline(run.pipeline)
    pairs = [
        ("run", run_id(run.name)),
        ("pipeline", path.pipeline),
        ("repository", path.repository),
        ("location", f"{path.location}, generation {run.generation}"),
        ("solids", ", ".join(run.solids)),
        ("concurrency", f"{run.max_concurrency} steps at most" * bool(run.max_concurrency)),
        ("partition", _partition(run)),
        ("state", click.style(Run.State.Name(run.state), fg=COLORS.get(run.state))),
        ("created", format_date(run.create_time)),
        ("started", format_date(run.start_time)),
        ("ended", format_date(run.end_time)),
        ("duration", _duration(run)),
        ("timeout", format_duration(run.timeout.seconds) if run.HasField("timeout") else ""),
        ("pid", str(run.pid or "")),
        ("tags", ", ".join(f"{key}={value}" for key, value in run.tags.items())),
        ("failure", run.failure.message),
    ]
    for name, text in pairs:
        if text:
            yield f"{name:<11} {text}"
    if run.run_config.fields:
        yield "config"
        yield from run_config_lines(run.run_config, "  ")
    if run.failure.exception.traceback:
        yield run.failure.exception.traceback.rstrip()
    for line in run.failure.output:
        yield f"| {line}"


def short_ids(runs: Sequence[Run]) -> list[str]:
    """Returns beginnings of the runs' ids, as long as it takes for no two to be the same."""
    ids = [run_id(item.name) for item in runs]
    length = SHORT_ID
    while len({name[:length] for name in ids}) < len(set(ids)):
        length += 1
    return [name[:length] for name in ids]


def run_row(item: Run, name: str) -> tuple[str | Cell, ...]:
    """Returns the cells of a run; `name` is its id, or a beginning of it."""
    path = parse_pipeline(item.pipeline)
    return (
        name,
        path.pipeline,
        path.location,
        Cell(Run.State.Name(item.state), COLORS.get(item.state)),
        format_date(item.create_time),
        _duration(item),
        _partition(item),
    )


def _partition(item: Run) -> str:
    """Returns SET/PARTITION, as --partition takes it."""
    if not item.partition:
        return ""
    partition_set = item.partition.partition("/partitions/")[0].rpartition("/")[2]
    return f"{partition_set}/{partition_id(item.partition)}"


def _duration(item: Run) -> str:
    if not item.HasField("start_time"):
        return ""
    ended = seconds_since(item.end_time) if item.HasField("end_time") else 0.0
    return format_duration(seconds_since(item.start_time) - ended)
