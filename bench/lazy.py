"""1,000 lazy pipelines that take 100 ms each to construct: all listed, and single ones shown."""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

from bench.daemon import Workspace, all_ready, hostlerd, milliseconds, workspace
from bench.figures import Figure, Report
from hostler.client import Client

PIPELINES = 1000
STARTS = 5
ROUNDS = 11

CODE = f"""\
import time
from hostler.definitions import PipelineDefinition, repository


def lazy(name):
    def make():
        time.sleep(0.1)
        return PipelineDefinition(name, [])

    return make


@repository
def bench():
    return {{"pipelines": {{f"p{{n}}": lazy(f"p{{n}}") for n in range({PIPELINES})}}}}
"""


def run() -> Report:
    """Measures from the start of the daemon to the list of all, then shows one after the other."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": CODE})
        starts = tuple(_started(of) for _ in range(STARTS))
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            numbers = itertools.count()

            def show() -> None:
                client.pipeline("location.py", "bench", f"p{next(numbers)}")

            first = milliseconds(show)
            shown = tuple(milliseconds(show) for _ in range(ROUNDS))
            listed = tuple(milliseconds(client.pipelines) for _ in range(ROUNDS))
    return Report(
        "lazy",
        f"{PIPELINES} lazy pipelines, of which each takes 100 ms to construct",
        (
            Figure("start of the daemon to all listed", "ms", starts, 1000),
            Figure("all listed", "ms", listed, 1000),
            Figure("the first one shown, with a new worker", "ms", (first,), 150),
            Figure("another one shown", "ms", shown, 110),
        ),
    )


def _started(of: Workspace) -> float:
    began = time.perf_counter()
    with hostlerd(of), Client(of.socket) as client:
        all_ready(client, of)
        found = len(client.pipelines())
        taken = (time.perf_counter() - began) * 1000
    assert found == PIPELINES
    return taken
