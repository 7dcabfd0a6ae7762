"""kill -9 of hostlerd and its restart: what fifty clients that read notice of it."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from bench.daemon import PATIENCE, Workspace, all_ready, await_serving, spawn, workspace
from bench.figures import Figure, Report
from bench.projects import source
from hostler.client import Client
from hostler.client.errors import HostlerError

LOCATIONS = 50
CLIENTS = 50
PIPELINES = 5
ROUNDS = 5

#: Seconds between two reads of a client.
INTERVAL = 0.05


class Reader:
    """Reads the pipelines of one location again and again, in a thread.

    Attributes:
        answers: when an answer came, by the clock of performance.
    """

    def __init__(self, of: Workspace, location: str) -> None:
        self.answers: list[float] = []
        self._client = Client(of.socket, timeout=PATIENCE)
        self._location = location
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._is_over.wait(INTERVAL):
            try:
                found = len(self._client.pipelines(self._location))
            except HostlerError:
                continue
            if found == PIPELINES:
                self.answers.append(time.perf_counter())

    def gap(self, since: float) -> float:
        """Returns the longest time without an answer that ended after a moment."""
        before = [at for at in self.answers if at <= since][-1:]
        moments = [*before, *(at for at in self.answers if at > since)]
        return max(later - at for at, later in itertools.pairwise(moments))

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._client.close()


def run() -> Report:
    """Kills the daemon and starts it again, as systemd does at once, while fifty clients read."""
    first, ready, gaps = [], [], []
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        names = [f"location_{number}.py" for number in range(LOCATIONS)]
        of = workspace(Path(folder), dict.fromkeys(names, source(PIPELINES)))
        for _ in range(ROUNDS):
            answered, all_, _ = _restart(of, names, 0)
            first.append(answered)
            ready.append(all_)
            gaps.append(_restart(of, names, CLIENTS)[2])
    return Report(
        "restart",
        f"hostlerd with {LOCATIONS} locations is killed and starts again, {CLIENTS} clients read",
        (
            Figure("start to the first answer, from disk", "ms", tuple(first), 300),
            Figure("start until all are READY", "ms", tuple(ready)),
            Figure("longest gap of a reader", "ms", tuple(gaps), 1000),
        ),
    )


def _restart(of: Workspace, names: list[str], clients: int) -> tuple[float, float, float]:
    """Returns the milliseconds to the first answer and to all READY, and the longest gap.

    The first answer is that to a client which looks for the daemon without a pause: those that read
    before share one connection in this process, and wait before they try again.
    """
    with ExitStack() as stack:
        process, lifeline = spawn(of)
        await_serving(of, lifeline)
        with Client(of.socket) as client:
            all_ready(client, of)
        _await_kept(of)
        readers = [Reader(of, names[number % LOCATIONS]) for number in range(clients)]
        for reader in readers:
            stack.callback(reader.close)
        while not all(reader.answers for reader in readers):
            time.sleep(INTERVAL)
        killed = time.perf_counter()
        process.kill()
        process.wait()
        lifeline.close()
        began = time.perf_counter()
        process, lifeline = spawn(of)
        stack.callback(lifeline.close)
        await_serving(of, lifeline)
        while not (answered := _answers(of, names[0])):
            pass
        answered -= began
        with Client(of.socket) as client:
            all_ready(client, of)
        ready = time.perf_counter() - began
        while not all(reader.answers[-1] > began for reader in readers):
            time.sleep(INTERVAL)
        gap = max((reader.gap(killed) for reader in readers), default=0.0)
        process.terminate()
        process.wait(PATIENCE)
    return answered * 1000, ready * 1000, gap * 1000


def _answers(of: Workspace, name: str) -> float:
    """Returns when a read was answered; 0 where it was not."""
    try:
        with Client(of.socket) as client:
            client.pipelines(name)
    except HostlerError:
        return 0.0
    return time.perf_counter()


def _await_kept(of: Workspace) -> None:
    """Returns once the definitions of all locations are on disk."""
    kept = of.folder / "state" / "definitions"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if kept.is_dir() and len([*kept.iterdir()]) == len(of.locations):
            return
        time.sleep(INTERVAL)
    raise RuntimeError("cannot measure: the definitions are not kept")
