"""From the death of a location process to its successor."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.daemon import Feed, hostlerd, milliseconds, rested, workspace
from bench.environments import PANDAS, MissingError, interpreter
from bench.figures import Report, alternate, faster
from bench.projects import WITH_PANDAS
from hostler.client import Client
from hostler.daemon.base.settings import STABLE_AFTER

ROUNDS = 12
KILLS = 8
SECONDS = 40.0

#: Locations of each kind, killed in turn: one that has just come back is left alone for a while.
LOCATIONS = 4

FORKED, SPAWNED = "kill -9 to ready again", "the same with `fork: never`"


def run() -> Report:
    """Measures kill -9 of pandas locations: some are forked, others spawned."""
    what = "a killed pandas location's successor, from the template against a plain spawn"
    try:
        executable = interpreter(PANDAS)
    except MissingError as error:
        return Report("revive", what, (), (f"skipped: {error}",))
    forked = [f"forked_{number}.py" for number in range(LOCATIONS)]
    spawned = [f"spawned_{number}.py" for number in range(LOCATIONS)]
    text = WITH_PANDAS.text("pipeline")
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        sources = dict.fromkeys([*forked, *spawned], text)
        of = workspace(Path(folder), sources, executable=executable, never_forked=spawned)
        with hostlerd(of), Client(of.socket) as client, Feed(client) as feed:
            for _ in feed.ready(len(of.locations)):
                pass
            for name in forked:  # the first locations were spawned
                rested(client, name)
                client.restart(name)
            found = alternate(
                {
                    FORKED: _kills(client, feed, forked),
                    SPAWNED: _kills(client, feed, spawned),
                },
                ROUNDS,
                "ms",
                times={FORKED: KILLS},
                limits={FORKED: 15},
                seconds=SECONDS,
            )
    revived, other = found.values()
    return Report("revive", what, (revived, other, faster("spawn / revive", other, revived)))


def _kills(client: Client, feed: Feed, names: list[str]) -> Callable[[], float]:
    """Kills one location after the other, each when it has been READY for long enough.

    The daemon takes an earlier death for a failed start and waits before it revives the process.
    """
    turns = itertools.cycle(names)
    ready_at = dict.fromkeys(names, time.monotonic())

    def measure() -> float:
        name = next(turns)
        time.sleep(max(0.0, ready_at[name] + 1.2 * STABLE_AFTER - time.monotonic()))
        pid = rested(client, name).pid

        def kill() -> None:
            os.kill(pid, signal.SIGKILL)
            feed.until(
                lambda location: location.name.endswith(name) and location.pid not in (0, pid)
            )

        taken = milliseconds(kill)
        ready_at[name] = time.monotonic()
        return taken

    return measure
