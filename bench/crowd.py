"""What a thousand locations and a hundred thousand queued runs leave to everybody else."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil

from bench.daemon import Workspace, all_ready, hostlerd, milliseconds, workspace, write
from bench.figures import Figure, Report
from bench.projects import source
from hostler.client import Client
from hostler.daemon.runs.queue import RunLimits, RunQueue
from hostler.v1 import workspace_pb2, workspace_pb2_grpc

LOCATIONS = 1000
FILES = 5000
QUEUED = 100_000

#: Seconds for which the daemon is watched while nothing happens: each location is pinged.
IDLE_SECONDS = 20.0

PS_LIMIT_MS = 400.0
READ_LIMIT_MS = 50.0
WATCH_LIMIT_MS = 5000.0
LAUNCH_LIMIT_MS = 5.0
IDLE_LIMIT = 1.0


@dataclass(frozen=True)
class _Queued:
    run_id: str
    location_name: str = "location"
    ready_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def run() -> Report:
    """Measures one daemon with a thousand locations, then the queue by itself."""
    command = str(Path(sys.executable).parent / "hostler")
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {f"location_{n}.py": source(1) for n in range(LOCATIONS)})
        ps = [command, "ps", "--socket", str(of.socket)]
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            daemon = psutil.Process(client.workspace().daemon.pid)
            figures = (
                *_idle(daemon),
                *_ps(daemon, ps, of),
                _reads(client, of.folder),
                Figure(
                    f"{LOCATIONS} watchers connect",
                    "ms",
                    tuple(milliseconds(lambda: _watch(of.socket)) for _ in range(3)),
                    WATCH_LIMIT_MS,
                ),
                Figure("the next run of the queue", "ms", _next_runs(), LAUNCH_LIMIT_MS),
            )
    what = f"{LOCATIONS} locations, a checkout of {FILES} files, {QUEUED} queued runs"
    return Report("crowd", what, figures)


def _idle(daemon: psutil.Process) -> tuple[Figure, Figure, Figure]:
    """Returns the percentages of a core that are used while nothing happens."""
    (keeper,) = daemon.children()

    def used() -> tuple[float, float, float]:
        locations = sum(map(_seconds, keeper.children(recursive=True)))
        return _seconds(daemon), _seconds(keeper), locations

    time.sleep(3.0)  # what follows a start has ended
    before, began = used(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    lasted = time.monotonic() - began
    shares = [100 * (now - then) / lasted for then, now in zip(before, used(), strict=True)]
    return (
        Figure("idle CPU, of one core", "%", (shares[0],), IDLE_LIMIT),
        Figure("  the keeper", "%", (shares[1],)),
        Figure("  all locations together", "%", (shares[2],)),
    )


def _seconds(process: psutil.Process) -> float:
    """Returns the processor time of a process, to the nanosecond; 0 where it has ended."""
    seconds = 0.0
    for thread in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            seconds += int(thread.read_text().split()[0]) / 1e9
    return seconds


def _ps(daemon: psutil.Process, command: Sequence[str], of: Workspace) -> tuple[Figure, Figure]:
    """Returns how long the command takes, and the processor time of it and of the daemon."""

    def once() -> None:
        subprocess.run(command, env=of.environ, capture_output=True, check=True)

    walls, computed = [], []
    for _ in range(7):
        before = _seconds(daemon), resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(milliseconds(once))
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = children.ru_utime + children.ru_stime - before[1].ru_utime - before[1].ru_stime
        computed.append(1000 * (used + _seconds(daemon) - before[0]))
    return (
        Figure("hostler ps", "ms", tuple(walls), PS_LIMIT_MS),
        Figure("  its processor time and the daemon's", "ms", tuple(computed)),
    )


def _reads(client: Client, folder: Path) -> Figure:
    """Reads a location over and over while many files come beside the locations."""
    is_over = threading.Event()

    def check_out() -> None:
        write(folder, {f"lib{n % 50}/module_{n}.py": "x = 1\n" for n in range(FILES)})
        is_over.set()

    writer = threading.Thread(target=check_out)
    writer.start()
    took = []
    end = time.monotonic() + 3.0
    while not is_over.is_set() or time.monotonic() < end:
        took.append(milliseconds(lambda: client.location("location_0.py")))
        time.sleep(0.002)
    writer.join()
    took.sort()
    slowest = tuple(took[int(len(took) * 0.99) :])
    return Figure(
        "reads during the checkout, from the 99th percentile on", "ms", slowest[:1], READ_LIMIT_MS
    )


def _watch(socket: Path) -> None:
    """Opens a watch for each location, and reads what each begins with."""
    options = (("grpc.max_receive_message_length", -1),)
    with grpc.insecure_channel(f"unix:{socket}", options=options) as channel:
        stub = workspace_pb2_grpc.WorkspaceServiceStub(channel)
        watches = [
            stub.WatchWorkspace(workspace_pb2.WatchWorkspaceRequest()) for _ in range(LOCATIONS)
        ]
        for watch in watches:
            next(iter(watch))
            watch.cancel()


def _next_runs() -> tuple[float, ...]:
    """Returns how long it takes to find and to start the next run each time that one ends."""
    queue: RunQueue[_Queued] = RunQueue(RunLimits(32, location=16))
    for number in range(QUEUED):
        queue.add(_Queued(str(number), f"location_{number % 3}"))
    going_on = [run.run_id for run in queue.start_due(lambda _: True)]

    def one() -> None:
        queue.ended(going_on.pop(0))
        going_on.extend(run.run_id for run in queue.start_due(lambda _: True))

    return tuple(milliseconds(one) for _ in range(100))
