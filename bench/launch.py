"""From the launch of a run to its first event."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from bench.daemon import PAUSE, hostlerd, rested, workspace
from bench.environments import PANDAS, MissingError, interpreter
from bench.figures import FEWEST_ROUNDS, Figure, Report, faster
from bench.projects import WITH_PANDAS
from hostler.client import Client

ROUNDS = 12
LAUNCHES = 8
SECONDS = 30.0

LOCATION = "location.py"

CONFIG = {"solids": {"pipeline_0_rows": {"config": {"path": "rows.csv"}}}}


def run() -> Report:
    """Measures runs on a standby, runs that are forked at their launch, and spawned ones."""
    what = "a launch of a pandas pipeline, each event on disk before it is seen"
    try:
        executable = interpreter(PANDAS)
    except MissingError as error:
        return Report("launch", what, (), (f"skipped: {error}",))
    with contextlib.ExitStack() as stack:
        launching = partial(_launching, stack, executable)
        sides = {
            "launch": (launching(), LAUNCHES),
            "with HOSTLER_RUN_STANDBY=0": (launching(run_standby="0"), LAUNCHES),
            "with `fork: never`": (launching(never_forked=[LOCATION]), 1),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        deadline = time.monotonic() + SECONDS
        for number in range(ROUNDS):
            if number >= FEWEST_ROUNDS and time.monotonic() > deadline:
                break
            for name, (launch, count) in sides.items():
                taken[name] += [launch() for _ in range(count)]
    figures = []
    for name, pairs in taken.items():
        started, stepped = zip(*pairs, strict=True)
        aim = 8 if name == "launch" else None
        figures.append(Figure(f"{name}: to the first event of the process", "ms", started, aim))
        figures.append(Figure("  to its first step", "ms", stepped))
    spawned = faster("spawn / launch, to the first step", figures[5], figures[1])
    return Report("launch", what, (*figures, spawned))


def _launching(
    stack: contextlib.ExitStack,
    executable: Path,
    *,
    never_forked: Collection[str] = (),
    **settings: str,
) -> Callable[[], tuple[float, float]]:
    """Starts a daemon that has launched one run; returns what launches another."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hostler-bench-")))
    sources = {LOCATION: WITH_PANDAS.text("pipeline")}
    of = workspace(folder, sources, executable=executable, never_forked=never_forked)
    stack.enter_context(hostlerd(of, **settings))
    client = stack.enter_context(Client(of.socket))
    is_waited_for = not never_forked and settings.get("run_standby") != "0"
    _launch(client, is_waited_for=False)
    return lambda: _launch(client, is_waited_for=is_waited_for)


def _launch(client: Client, *, is_waited_for: bool) -> tuple[float, float]:
    """Returns the milliseconds until the run has started, and until its first step has."""
    location = rested(client, LOCATION)
    deadline = time.monotonic() + SECONDS
    while is_waited_for and not location.standby_pid:
        if time.monotonic() > deadline:
            raise RuntimeError(f"cannot measure: no process waits for the run: {location}")
        time.sleep(PAUSE)
        location = rested(client, LOCATION)
    pipeline = f"{location.name}/repositories/bench/pipelines/pipeline_0"
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
