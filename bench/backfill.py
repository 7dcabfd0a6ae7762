"""Backfills: a run for each of 1,000 partitions, compared with 1,000 runs for no partition."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.daemon import all_ready, hostlerd, workspace
from bench.figures import Figure, Report
from hostler.client import Client
from hostler.v1.run_pb2 import Run

PARTITIONS = 1000

SOURCE = f"""\
import time
from hostler.definitions import daily_partitions, partition_set, pipeline, repository, solid


@solid
def nothing(context):
    pass


@pipeline
def empty():
    nothing()


@partition_set("empty", daily_partitions("2020-01-01", "2022-09-27", timezone="Europe/Berlin"))
def days(partition):
    return {{"solids": {{}}}}


def numbers():
    time.sleep(0.1)
    return range({PARTITIONS})


@partition_set("empty", numbers)
def slow(partition):
    return {{"solids": {{}}}}


@repository
def bench():
    return [empty, days, slow]
"""


def run() -> Report:
    """Measures the launches, the time until the last end was seen, and the same backfill again."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": SOURCE})
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            pipeline = client.find_pipeline("empty").name
            runs: list[Run] = []
            none = _seconds(lambda: runs.extend(client.launch(pipeline) for _ in range(PARTITIONS)))
            for each in runs:
                for _ in client.watch_run(each.name):
                    pass
            launched, ended = _backfill(client, "days", "a")
            again, _ = _backfill(client, "days", "a")
            slow, _ = _backfill(client, "slow", "b")
    return Report(
        "backfill",
        f"a run for each of {PARTITIONS:,} partitions; runs begin while others are launched",
        (
            Figure("launched for no partition", "s", (none,)),
            Figure("launched for each day", "s", (launched,)),
            Figure("  until the last end was seen", "s", (ended,)),
            Figure("taken up once more", "s", (again,)),
            Figure("launched, of a set that takes 100 ms to make", "s", (slow,)),
        ),
    )


def _backfill(client: Client, partition_set: str, backfill_id: str) -> tuple[float, float]:
    """Returns the seconds until all runs are launched, and until the last end was seen."""
    began = time.perf_counter()
    backfill = client.backfill(partition_set, backfill_id=backfill_id)
    launched = len(list(backfill.launch()))
    taken = time.perf_counter() - began
    for _ in backfill.watch():
        pass
    if launched != PARTITIONS or not backfill.succeeded:
        raise RuntimeError(f"cannot measure: {launched} runs were launched, or some failed")
    return taken, time.perf_counter() - began


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
