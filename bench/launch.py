"""From the launch of a run to its first event."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.daemon import hostlerd, rested, workspace
from bench.environments import PANDAS, MissingError, interpreter
from bench.figures import Figure, Report, faster
from bench.projects import WITH_PANDAS
from hostler.client import Client

ROUNDS = 12
LAUNCHES = 8
SECONDS = 30.0

CONFIG = {"solids": {"pipeline_0_rows": {"config": {"path": "rows.csv"}}}}


def run() -> Report:
    """Runs of a location whose process forks them, and of one whose runs are spawned."""
    what = "a launch of a pandas pipeline, each event on disk before it is seen"
    try:
        executable = interpreter(PANDAS)
    except MissingError as error:
        return Report("launch", what, (), (f"skipped: {error}",))
    sources = dict.fromkeys(["forked.py", "spawned.py"], WITH_PANDAS.text("pipeline"))
    started: dict[str, list[float]] = {name: [] for name in sources}
    stepped: dict[str, list[float]] = {name: [] for name in sources}
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), sources, executable=executable, never_forked=["spawned.py"])
        with hostlerd(of), Client(of.socket) as client:
            for name in sources:
                _launch(client, name)
            deadline = time.monotonic() + SECONDS
            for number in range(ROUNDS):
                if number >= 3 and time.monotonic() > deadline:
                    break
                for name, count in (("forked.py", LAUNCHES), ("spawned.py", 1)):
                    for _ in range(count):
                        run, step = _launch(client, name)
                        started[name].append(run)
                        stepped[name].append(step)
    figures = [
        Figure("launch to first event of the process", "ms", tuple(started["forked.py"]), 8),
        Figure("  to its first step", "ms", tuple(stepped["forked.py"])),
        Figure("the same with `fork: never`", "ms", tuple(started["spawned.py"])),
        Figure("  to its first step", "ms", tuple(stepped["spawned.py"])),
    ]
    return Report(
        "launch",
        what,
        (*figures, faster("spawn / launch, to the first step", figures[3], figures[1])),
    )


def _launch(client: Client, location: str) -> tuple[float, float]:
    """Milliseconds until the run has started, and until its first step has."""
    pipeline = f"{rested(client, location).name}/repositories/bench/pipelines/pipeline_0"
    began = time.perf_counter()
    started = stepped = 0.0
    for each in client.watch_run(client.launch(pipeline, CONFIG).name):
        now = time.perf_counter()
        if each.HasField("run_started"):
            started = now
        elif each.HasField("step_started") and not stepped:
            stepped = now
    if not started or not stepped:
        raise RuntimeError("cannot measure: the run did not begin")
    return (started - began) * 1000, (stepped - began) * 1000
