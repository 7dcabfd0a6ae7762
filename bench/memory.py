"""The memory of fifty pandas locations of one environment."""

from __future__ import annotations

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from bench.daemon import all_ready, cores, hostlerd, rested, workspace
from bench.environments import DAGSTER, PANDAS, MissingError, interpreter
from bench.figures import Figure, Report, faster
from bench.processes import PEERS, peer, pss
from bench.projects import PIPELINES, WITH_PANDAS, dagster_source
from hostler.client import Client

LOCATIONS = 50

#: Dagster's processes share so little memory that fifty of them are not worth their gigabytes.
SERVERS = 5

READS = 100

WAIT = "import location, sys; print('ready', flush=True); sys.stdin.read()"


def run() -> Report:
    """Measures the PSS of all processes but the daemon's own, by location."""
    what = f"memory (PSS) of {LOCATIONS} pandas locations, each after {READS} reads"
    try:
        executable = interpreter(PANDAS)
    except MissingError as error:
        return Report("memory", what, (), (f"skipped: {error}",))
    remarks: list[str] = []
    figures = _hostler(executable)
    ours = figures[0]
    figures.append(_fresh(executable))
    figures.append(faster("fresh interpreter / location", figures[-1], ours))
    try:
        figures.append(_dagster(interpreter(DAGSTER)))
        figures.append(faster("Dagster / location", figures[-1], ours))
    except MissingError as error:
        remarks.append(f"Dagster is skipped: {error}")
    return Report("memory", what, tuple(figures), tuple(remarks))


def _hostler(executable: Path) -> list[Figure]:
    """Returns the figures of the locations, and of the daemon with its keeper."""
    names = [f"location_{number}.py" for number in range(LOCATIONS)]
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        sources = dict.fromkeys(names, WITH_PANDAS.text("pipeline"))
        of = workspace(Path(folder), sources, executable=executable)
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            rested(client, names[-1])
            client.restart()  # the first locations were spawned; after a save, none is
            for name in names:
                for number in range(READS):
                    client.pipeline(name, "bench", f"pipeline_{number % PIPELINES}")
            rested(client, names[-1])
            daemon = client.workspace().daemon.pid
            (keeper,) = psutil.Process(daemon).children()
            below = pss(each.pid for each in keeper.children(recursive=True))
            return [
                Figure("location, template included", "MiB", (below / LOCATIONS,), 6),
                Figure("the daemon and its keeper", "MiB", (pss([daemon, keeper.pid]),)),
            ]


def _fresh(executable: Path) -> Figure:
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as temporary:
        folder = Path(temporary)
        (folder / "location.py").write_text(WITH_PANDAS.text("pipeline"))
        with contextlib.ExitStack() as stack:

            def start(_: int) -> int:
                made = stack.enter_context(peer([executable, "-c", WAIT], folder))
                made.hear()
                return made.pid

            with ThreadPoolExecutor(cores()) as pool:
                pids = list(pool.map(start, range(LOCATIONS)))
            return Figure(f"one of {LOCATIONS} fresh interpreters", "MiB", (pss(pids) / LOCATIONS,))


def _dagster(executable: Path) -> Figure:
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as temporary:
        folder = Path(temporary)
        text = dagster_source(PIPELINES, "pipeline", WITH_PANDAS.imports)
        (folder / "location.py").write_text(text)
        command = [str(executable), "-m", "dagster", "api", "grpc", "-f", "location.py"]
        sockets = [folder / f"{number}.sock" for number in range(SERVERS)]
        reads = [str(each) for each in (executable, PEERS / "dagster_reads.py", READS, *sockets)]
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(peer([*command, "-s", str(socket)], folder))
                for socket in sockets
            ]
            stack.enter_context(peer(reads, folder)).hear()
            used = pss(server.pid for server in servers)
            return Figure(f"one of {SERVERS} `dagster api grpc`", "MiB", (used / SERVERS,))
