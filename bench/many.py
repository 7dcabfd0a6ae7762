"""From the start of hostlerd until fifty pandas locations of one environment answer."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.daemon import Feed, Workspace, hostlerd, workspace
from bench.environments import PANDAS, MissingError, interpreter
from bench.figures import FEWEST_ROUNDS, Figure, Report, faster
from bench.projects import PIPELINES, WITH_PANDAS
from hostler.client import Client

LOCATIONS = 50
ROUNDS = 9

#: Seconds after which no start begins, except the first few.
SECONDS = 15.0


def run() -> Report:
    """Measures starts with a template, then one of spawns alone, which takes as long as many."""
    what = f"hostlerd with {LOCATIONS} pandas locations of one environment"
    try:
        executable = interpreter(PANDAS)
    except MissingError as error:
        return Report("many", what, (), (f"skipped: {error}",))
    names = [f"location_{number}.py" for number in range(LOCATIONS)]
    sources = dict.fromkeys(names, WITH_PANDAS.text("pipeline"))
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), sources, executable=executable)
        _started(of)  # the first one of all compiles the runtime
        deadline = time.monotonic() + SECONDS
        starts: list[tuple[float, float]] = []
        while len(starts) < FEWEST_ROUNDS or (len(starts) < ROUNDS and time.monotonic() < deadline):
            starts.append(_started(of))
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), sources, executable=executable, never_forked=names)
        spawned = _started(of)
    first = Figure("start to the first answer", "ms", tuple(each[0] for each in starts))
    all_ = Figure("start until all answer", "ms", tuple(each[1] for each in starts), 1000)
    plain = Figure("the same with `fork: never`", "ms", (spawned[1],))
    return Report("many", what, (first, all_, plain, faster("spawns / start", plain, all_)))


def _started(of: Workspace) -> tuple[float, float]:
    """Returns the milliseconds until the first, and until all locations answer a ListPipelines."""
    answered = []
    began = time.perf_counter()
    with hostlerd(of), Client(of.socket) as client, Feed(client) as feed:
        for location in feed.ready(len(of.locations)):
            if len(client.pipelines(location.name)) != PIPELINES:
                raise RuntimeError(f"cannot measure: {location.name} has other pipelines")
            answered.append((time.perf_counter() - began) * 1000)
    return answered[0], answered[-1]
