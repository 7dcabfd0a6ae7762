"""Schedules of each minute while kill -9 hits the daemon, the keeper and locations."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from e2e.harness import PATIENCE, Daemon, eventually

from hostler.client import HostlerError
from hostler.v1.definitions_pb2 import Tick

if TYPE_CHECKING:
    from hostler.v1.run_pb2 import Run

LOCATIONS = 3

#: Half of the schedules ask a function; the run is empty, since ticks are what is tested.
CODE = """\
from hostler.definitions import PipelineDefinition, ScheduleDefinition, repository


def by_function():
    return {{}}


@repository
def repo():
    return [PipelineDefinition("p", [])] + [
        ScheduleDefinition(
            "s%d" % number, "* * * * *", "p", default_status="running", catch_up="all",
            max_catch_up=10, **({{"run_config_fn": by_function}} if number % 2 else {{}}),
        )
        for number in range({count})
    ]
"""

MINUTE = 60


class ScheduleStorm:
    """Kills processes of a daemon whose schedules are due each minute."""

    def __init__(self, daemon: Daemon, schedules: int, chance: random.Random) -> None:
        self.daemon = daemon
        self.killed: Counter[str] = Counter()
        self._count = schedules // LOCATIONS
        self._chance = chance
        self._names = [f"l{number}.py" for number in range(LOCATIONS)]

    def begin(self) -> None:
        """Starts the daemon, and returns once all schedules run."""
        for name in self._names:
            self.daemon.write(name, CODE.format(count=self._count))
        entries = "".join(f"  - python_file: {name}\n" for name in self._names)
        self.daemon.workspace.write_text(f"load_from:\n{entries}")
        self.daemon.start()
        for name in self._names:
            self.daemon.ready(name)
        eventually(self._all_on_record, "all schedules are on record")

    def _all_on_record(self) -> bool:
        return len(self._rows("SELECT id FROM schedules")) == LOCATIONS * self._count

    def rage(self, seconds: float) -> None:
        """Kills one process after another."""
        pause = threading.Event()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # most kills come when ticks are settled: in the seconds after a full minute
            into = time.time() % MINUTE
            pause.wait(self._chance.uniform(0.05, 0.6) if into < 6 else self._chance.uniform(1, 5))
            self._kill()

    def check(self) -> None:
        """Asserts that each minute of each schedule has one tick, and each such tick one run."""
        eventually(self._nothing_pending, "all ticks are settled", timeout=4 * PATIENCE)
        cursors = {
            (location, name): cursor
            for location, name, cursor in self._rows("SELECT location, name, cursor FROM schedules")
        }
        runs = self._runs()
        for (location, name), cursor in cursors.items():
            ticks = self._ticks(location, name)
            first, last = ticks[0].scheduled_time.seconds, ticks[-1].scheduled_time.seconds
            assert last == cursor, (location, name)
            times = [tick.scheduled_time.seconds for tick in ticks]
            assert times == list(range(first, last + 1, MINUTE)), "a tick is lost"
            states = {Tick.State.Name(tick.state) for tick in ticks}
            assert states == {"LAUNCHED"}, f"{location} {name}: {states}"
            assert len({tick.run for tick in ticks}) == len(ticks)
            for tick in ticks:
                assert runs[location, name, tick.run] == 1
        launched = sum(len(self._ticks(*key)) for key in cursors)
        assert len(runs) == launched, "a run without a tick"

    def _runs(self) -> Counter[tuple[str, str, str]]:
        found: list[Run] = self.daemon.client.runs()
        return Counter(
            (
                run.pipeline.split("/")[1],
                run.tags["hostler/schedule"],
                run.name,
            )
            for run in found
        )

    def _nothing_pending(self) -> bool:
        return not self._rows("SELECT time FROM ticks WHERE state = ?", Tick.PENDING)

    def _ticks(self, location: str, name: str) -> list[Tick]:
        rows = self._rows(
            "SELECT ticks.message FROM ticks JOIN schedules ON ticks.schedule = schedules.id"
            " WHERE location = ? AND name = ? ORDER BY time",
            location,
            name,
        )
        return [Tick.FromString(message) for (message,) in rows]

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        path = self.daemon.folder / "state" / "runs.db"
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as record:
            return record.execute(query, values).fetchall()

    def _kill(self) -> None:
        what = self._chance.choice(["location", "location", "worker", "keeper", "daemon"])
        try:
            pid = self._pid(what)
        except HostlerError:
            return
        if not pid:
            return
        if what == "daemon":
            self.daemon.kill()
            self.daemon.start()
        else:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        self.killed[what] += 1

    def _pid(self, what: str) -> int:
        if what == "location":
            return self.daemon.client.location(self._chance.choice(self._names)).pid
        if what == "worker":
            kept = {self.daemon.pid, self.daemon.keeper_pid}
            return self._chance.choice([*(self.daemon.tree() - kept), 0])
        return self.daemon.keeper_pid if what == "keeper" else self.daemon.pid


def rage(daemon: Daemon, schedules: int, seconds: float, seed: int) -> ScheduleStorm:
    """Runs a storm on a daemon that is not started yet, and checks what it left."""
    storm = ScheduleStorm(daemon, schedules, random.Random(seed))
    storm.begin()
    storm.rage(seconds)
    storm.check()
    return storm
