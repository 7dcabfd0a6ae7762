"""From the start of hostlerd until the first and the last of ten locations answer."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.daemon import (
    Feed,
    Workspace,
    bare_starts,
    cores,
    hostlerd,
    milliseconds,
    workspace,
)
from bench.figures import Figure, Report, ratio
from bench.projects import source
from hostler.client import Client

LOCATIONS = 10
ROUNDS = 9


def run() -> Report:
    """Compares ten repositories of five pipelines with ten starts of a bare interpreter."""
    first, last, bare = [], [], []
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        names = [f"location_{number}.py" for number in range(LOCATIONS)]
        of = workspace(Path(folder), dict.fromkeys(names, source(5)))
        _start(of)  # the first one of all compiles the runtime
        bare_starts(LOCATIONS, cores())
        for number in range(ROUNDS):
            if number % 2:
                bare.append(milliseconds(lambda: bare_starts(LOCATIONS, cores())))
            answered = _start(of)
            first.append(answered[0])
            last.append(answered[-1])
            if not number % 2:
                bare.append(milliseconds(lambda: bare_starts(LOCATIONS, cores())))
    to_first = Figure("first location answers", "ms", tuple(first))
    to_all = Figure("all ten answer", "ms", tuple(last))
    starts = Figure(f"ten bare starts, {cores()} at a time", "ms", tuple(bare))
    return Report(
        "start",
        "hostlerd with ten small locations, against ten `python -c pass`",
        (
            to_first,
            to_all,
            starts,
            ratio("first / bare starts", to_first, starts),
            ratio("all / bare starts", to_all, starts),
        ),
    )


def _start(of: Workspace) -> list[float]:
    """Returns the milliseconds until each location has answered a ListPipelines, in order."""
    answered = []
    began = time.perf_counter()
    with hostlerd(of), Client(of.socket) as client, Feed(client) as feed:
        for location in feed.ready(len(of.locations)):
            name = location.name.partition("/")[2]
            if len(client.pipelines(name)) != 5:
                raise RuntimeError(f"cannot measure: {name} answers with other pipelines")
            answered.append((time.perf_counter() - began) * 1000)
    return answered
