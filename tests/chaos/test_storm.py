"""Kills, hangs, saves and edits at random, while clients read.

Bounded by HOSTLER_CHAOS_SECONDS (60); HOSTLER_CHAOS_SEED repeats a run.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
from e2e.harness import Daemon, daemon_in, eventually

from hostler.client import Client, HostlerError
from hostler.v1 import run_pb2, workspace_pb2

pytestmark = pytest.mark.chaos

SECONDS = float(os.environ.get("HOSTLER_CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("HOSTLER_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
LOCATIONS = 5
READERS = 4

CODE = """\
import time
from hostler.definitions import pipeline, repository, solid

VERSION = {version}


@solid
def works(context):
    time.sleep(0.2)
    return VERSION


@pipeline
def eager():
    works()


def make():
    @pipeline
    def lazy():
        works()

    return lazy


@repository
def repo():
    return {{"pipelines": {{"eager": eager, "lazy": make}}}}
"""

BROKEN = ("def broken(:\n", "undefined\n", "import os\nos._exit(3)\n", "while True:\n    pass\n")


class Storm:
    """Does things to a daemon, and keeps what its clients see of them."""

    def __init__(self, daemon: Daemon, chance: random.Random) -> None:
        self.daemon = daemon
        self.done: Counter[str] = Counter()
        self.reads = 0
        self.faults: Counter[str] = Counter()
        self.runs: list[str] = []
        self._chance = chance
        self._version = 0
        self._stop = threading.Event()

    def name(self) -> str:
        return f"l{self._chance.randrange(LOCATIONS)}.py"

    def save(self) -> None:
        self._version += 1
        self.daemon.write(self.name(), CODE.format(version=self._version))

    def break_(self) -> None:
        self.daemon.write(self.name(), self._chance.choice(BROKEN))

    def kill_any(self) -> None:
        """Kills any process: a location process, a worker or a run, seldom the keeper."""
        victims = psutil.Process(self.daemon.pid).children(recursive=True)
        if victims:
            self._signal(self._chance.choice(victims).pid, signal.SIGKILL)

    def stop_process(self) -> None:
        self._signal(self.daemon.client.location(self.name()).pid, signal.SIGSTOP)

    def kill_keeper(self) -> None:
        self._signal(self.daemon.keeper_pid, signal.SIGKILL)

    def reload(self) -> None:
        self.daemon.client.reload(self.name(), wait=False)

    def restart(self) -> None:
        self.daemon.client.restart(self.name(), wait=False)

    def launch(self) -> None:
        self.runs.append(self.daemon.client.launch("eager", location=self.name()).name)

    def edit_workspace(self) -> None:
        names = [f"l{number}.py" for number in range(LOCATIONS)]
        self._chance.shuffle(names)
        write_workspace(self.daemon, names)

    def _signal(self, pid: int, number: signal.Signals) -> None:
        if pid:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def rage(self, seconds: float) -> None:
        """Does one thing after another."""
        rare = [self.kill_keeper, self.stop_process, self.edit_workspace]
        often = [self.save, self.save, self.break_, self.kill_any, self.reload, self.restart]
        readers = [threading.Thread(target=self._read) for _ in range(READERS)]
        for reader in readers:
            reader.start()
        pause = threading.Event()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                choice: Callable[[], None] = self._chance.choice([*often * 3, self.launch, *rare])
                choice()
                self.done[choice.__name__] += 1
                pause.wait(self._chance.uniform(0.01, 0.3))
        finally:
            self._stop.set()
            for reader in readers:
                reader.join()

    def _read(self) -> None:
        chance = random.Random(threading.get_ident())
        with Client(self.daemon.socket) as client:
            while not self._stop.is_set():
                name = f"l{chance.randrange(LOCATIONS)}.py"
                try:
                    client.pipeline(name, "repo", "eager")
                    client.pipelines(name)
                    client.location(name)
                except HostlerError as error:
                    self.faults[repr(error)] += 1
                self.reads += 1


def write_workspace(daemon: Daemon, names: list[str]) -> None:
    entries = "".join(
        f"  - python_file:\n      relative_path: {name}\n"
        "      load_timeout: 5\n      health: {interval: 0.5, timeout: 0.5, failures: 2}\n"
        for name in names
    )
    temporary = daemon.write("workspace.tmp", "load_from:\n" + entries)
    temporary.rename(daemon.workspace)


def test_no_read_of_definitions_ever_fails(tmp_path: Path) -> None:
    print(f"HOSTLER_CHAOS_SEED={SEED}")  # noqa: T201 (repeats the run)
    with daemon_in(tmp_path, restart_first_delay="0.1", stop_grace="1") as daemon:
        names = [f"l{number}.py" for number in range(LOCATIONS)]
        for name in names:
            daemon.write(name, CODE.format(version=0))
        write_workspace(daemon, names)
        daemon.start()
        for name in names:
            daemon.ready(name)
        process = psutil.Process(daemon.pid)
        before = (process.num_fds(), process.memory_info().rss)
        storm = Storm(daemon, random.Random(SEED))
        storm.rage(SECONDS)
        for name in names:
            daemon.write(name, CODE.format(version="'last'"))
        for name in names:
            eventually(partial(settled, daemon, name), f"{name} serves the last save")
        for run in storm.runs:
            eventually(partial(ended, daemon, run), f"{run} ended")
        eventually(lambda: len(daemon.at_work()) <= 2 + LOCATIONS, "nothing is left over")
        after = (process.num_fds(), process.memory_info().rss)
        print(  # noqa: T201 (what a long run is for)
            f"done {dict(storm.done)}; {storm.reads} reads; descriptors {before[0]} -> {after[0]}; "
            f"memory {before[1] >> 20} -> {after[1] >> 20} MiB"
        )
        assert not storm.faults, storm.faults
        assert after[0] <= before[0] + 10, "descriptors leak"
        zombies = [c for c in process.children(recursive=True) if c.status() == "zombie"]
        assert not zombies
        assert "a task failed" not in daemon.log.read_text()
        assert "a call failed" not in daemon.log.read_text()


def settled(daemon: Daemon, name: str) -> bool:
    location = daemon.client.location(name)
    ready = location.state == workspace_pb2.Location.READY and not location.HasField("error")
    return ready and bool(location.pid)


def ended(daemon: Daemon, run: str) -> bool:
    states = run_pb2.Run.State
    return daemon.client.run(run).state in (states.SUCCEEDED, states.FAILED, states.CANCELED)
