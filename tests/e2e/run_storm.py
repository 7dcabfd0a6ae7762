"""Runs while kill -9 hits every kind of process, and checks of their record after it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from e2e.harness import PATIENCE, Daemon, eventually

from hostler.client import Client, HostlerError, InvalidArgumentError, UnreachableError
from hostler.v1.run_pb2 import Run, RunEvent

CODE = """\
import time
from hostler.definitions import pipeline, repository, solid


@solid
def works(context):
    for number in range(20):
        context.log.info("line %d" % number)
        print("printed", number)
        time.sleep(0.01)
    return 1


@solid
def goes_on(context, n):
    context.log.info("after")


@pipeline
def busy():
    goes_on(works())


@repository
def repo():
    return [busy]
"""

AT_A_TIME = 4

ENDED = (Run.SUCCEEDED, Run.FAILED, Run.CANCELED, Run.INTERRUPTED)


class Storm:
    """Launches and watches runs, and kills processes meanwhile."""

    def __init__(self, daemon: Daemon, chance: random.Random) -> None:
        self.daemon = daemon
        self.killed: Counter[str] = Counter()
        #: The events of each run that a client saw.
        self.seen: dict[str, list[RunEvent]] = {}
        self._chance = chance

    def rage(self, runs: int) -> None:
        """Launches and watches so many runs, a few at a time, and kills until they have ended."""
        pause = threading.Event()
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            watches = [pool.submit(self._launch_and_watch) for _ in range(runs)]
            while not all(watch.done() for watch in watches):
                pause.wait(self._chance.uniform(0.02, 0.25))
                self._kill()
            for watch in watches:
                watch.result()

    def check(self) -> None:
        """Asserts what must hold once the daemon was started anew."""
        with closing(sqlite3.connect(self.daemon.folder / "state" / "runs.db")) as record:
            assert record.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        client = self.daemon.client
        for run in eventually(self._all_ended, "every run has ended"):
            recorded = list(client.watch_run(run.name))
            assert [event.sequence for event in recorded] == list(range(1, len(recorded) + 1))
            assert run.last_sequence == len(recorded)
            assert ends(recorded) == [len(recorded)]
            assert self.seen.pop(run.name) == recorded, "what a client saw is what is recorded"
        assert not self.seen, "a run is gone"

    def _all_ended(self) -> list[Run] | None:
        runs = self.daemon.client.runs()
        return runs if all(run.state in ENDED for run in runs) else None

    def _launch_and_watch(self) -> None:
        with Client(self.daemon.socket) as client:
            run = self._launch(client)
            seen = self.seen[run.name] = []
            seen.extend(client.follow_run(run.name, patience=PATIENCE))
            assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))

    def _launch(self, client: Client) -> Run:
        """Launches as a careful client: again with the same id, as long as no answer refuses it."""
        request_id = str(uuid.uuid4())
        deadline = time.monotonic() + PATIENCE
        pause = threading.Event()
        while True:
            try:
                return client.launch("busy", location="repos.py", request_id=request_id)
            except InvalidArgumentError:
                raise
            except HostlerError:
                assert time.monotonic() < deadline
                pause.wait(0.05)

    def _kill(self) -> None:
        what = self._chance.choice(["run", "run", "run", "location", "keeper", "daemon"])
        try:
            pid = next(self._pids(what), 0)
        except UnreachableError:
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

    def _pids(self, what: str) -> Iterator[int]:
        if what == "run":
            runs = self.daemon.client.runs(states=[Run.RUNNING])
            self._chance.shuffle(runs)
            yield from (run.pid for run in runs)
        elif what == "location":
            yield self.daemon.client.location("repos.py").pid
        else:
            yield self.daemon.keeper_pid if what == "keeper" else self.daemon.pid


def ends(events: list[RunEvent]) -> list[int]:
    """Returns the sequence numbers of the events with which a run ends."""
    kinds = {"run_succeeded", "run_failed", "run_canceled", "run_interrupted"}
    return [event.sequence for event in events if event.WhichOneof("event") in kinds]


def rage(daemon: Daemon, runs: int, seed: int) -> Storm:
    """Runs a storm on a daemon that is not started yet, and checks what it left."""
    daemon.write("repos.py", CODE)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    storm = Storm(daemon, random.Random(seed))
    storm.rage(runs)
    daemon.kill()
    daemon.start()
    storm.check()
    return storm
