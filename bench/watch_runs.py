"""WatchRuns: what 100 watchers of all runs cost the daemon, and how late the last of them hears."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import psutil

from bench.daemon import all_ready, hostlerd, workspace
from bench.figures import Figure, Report
from hostler.client import Client

WATCHERS = 100

#: Steps of the run, each of which changes its progress twice.
STEPS = 300

ROUNDS = 5

SOURCE = f"""\
from hostler.definitions import PipelineDefinition, SolidNode, repository, solid


@solid
def nothing(context):
    pass


many = PipelineDefinition("many", [SolidNode(nothing, name=f"s{{n}}") for n in range({STEPS})])


@repository
def bench():
    return [many]
"""


class Watcher(threading.Thread):
    """Watches all runs on a connection of its own."""

    def __init__(self, socket: Path) -> None:
        super().__init__(daemon=True)
        self._client = Client(socket)
        self._stream = self._client.watch_runs(snapshot=1)
        next(self._stream)
        self.messages = 0
        self.last = 0.0
        self.has_ended = threading.Event()

    def run(self) -> None:
        for message in self._stream:
            self.messages += 1
            if message.run.HasField("end_time"):
                self.last = time.perf_counter()
                self.has_ended.set()

    def close(self) -> None:
        self._stream.cancel()
        self.join()
        self._client.close()


def run() -> Report:
    """Measures a run without watchers and with all of them."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": SOURCE})
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            _spent(client)  # the first run of all waits for the template
            alone = Figure(
                "daemon's CPU for it, nobody watches",
                "ms",
                tuple(_spent(client) for _ in range(ROUNDS)),
            )
            watched, messages, spreads = [], [], []
            for _ in range(ROUNDS):
                watchers = [Watcher(of.socket) for _ in range(WATCHERS)]
                for each in watchers:
                    each.start()
                watched.append(_spent(client))
                for each in watchers:
                    if not each.has_ended.wait(60):
                        raise RuntimeError("cannot measure: a watcher has not heard of the end")
                messages.append(sum(each.messages for each in watchers) / WATCHERS)
                ends = [each.last for each in watchers]
                spreads.append((max(ends) - min(ends)) * 1000)
                for each in watchers:
                    each.close()
    return Report(
        "watch_runs",
        f"a run of {STEPS} steps, watched by {WATCHERS} clients at once",
        (
            alone,
            Figure(f"the same, {WATCHERS} watch", "ms", tuple(watched)),
            Figure("messages to each", "messages", tuple(messages)),
            Figure("the end: from the first to the last who hears", "ms", tuple(spreads), 100),
        ),
    )


def _spent(client: Client) -> float:
    """Executes the run; returns the milliseconds of CPU that the daemon spent meanwhile."""
    daemon = psutil.Process(client.workspace().daemon.pid)
    before = daemon.cpu_times()
    launched = client.launch("many")
    for _ in client.watch_run(launched.name):
        pass
    after = daemon.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000
