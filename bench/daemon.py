"""hostlerd on a workspace of small locations, and the processes it is compared with."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hostler.client import Client
from hostler.v1 import workspace_pb2

#: A start that takes this long has failed.
PATIENCE = 30.0

READY = workspace_pb2.Location.READY


def source(pipelines: int, prefix: str = "pipeline") -> str:
    """A repository that needs nothing but the standard library.

    Each pipeline has three solids and is as a small real one: an input, a config field, texts.
    """
    parts = [_SOLIDS]
    names = [f"{prefix}_{number}" for number in range(pipelines)]
    parts += [_PIPELINE.format(name=name) for name in names]
    parts.append(_REPOSITORY.format(names=", ".join(names)))
    return "\n\n".join(parts)


_SOLIDS = '''\
from hostler.definitions import pipeline, repository, solid


@solid(config_schema={"path": str})
def read_rows(context) -> list:
    """Reads the rows of one file."""
    return []


@solid
def count_rows(context, rows: list) -> int:
    """Counts them."""
    return len(rows)


@solid
def report(context, count: int) -> None:
    """Writes the count into the log."""
    context.log.info(str(count))
'''

_PIPELINE = '''\
@pipeline
def {name}():
    """Counts the rows of one file and reports the count."""
    report(count_rows(read_rows()))
'''

_REPOSITORY = """\
@repository
def bench():
    return [{names}]
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with a workspace.yaml, and where its daemon keeps what it keeps."""

    folder: Path
    locations: tuple[str, ...]

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "d.sock"

    @property
    def environ(self) -> dict[str, str]:
        """The caller's environment without its settings of hostler and of Python."""
        kept = plain_environ()
        for kind in ("CACHE", "STATE"):
            kept[f"XDG_{kind}_HOME"] = str(self.folder / kind.lower())
        return kept

    def file(self, location: str) -> Path:
        return self.folder / location


def plain_environ() -> dict[str, str]:
    """As a user's shell has it; PYTHONDONTWRITEBYTECODE alone costs each start 150 ms."""
    ours = ("HOSTLER_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def workspace(folder: Path, sources: Mapping[str, str]) -> Workspace:
    """Writes a workspace of python_file locations, by file name."""
    (folder / "run").mkdir(mode=0o700)
    for name, text in sources.items():
        (folder / name).write_text(text)
    entries = "".join(f"  - python_file: {name}\n" for name in sources)
    (folder / "workspace.yaml").write_text("load_from:\n" + entries)
    return Workspace(folder, tuple(sources))


@contextlib.contextmanager
def hostlerd(of: Workspace) -> Iterator[None]:
    """A daemon from its process's start, entered as soon as it serves; ended at last."""
    ours, theirs = socket.socketpair()
    with (of.folder / "hostlerd.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "hostler.daemon.main"),
                *("-w", str(of.folder / "workspace.yaml")),
                *("--socket", str(of.socket)),
                *("--state", str(of.folder / "state")),
                *("--lifeline", str(theirs.fileno())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
            env=of.environ,
        )
    theirs.close()
    try:
        ours.settimeout(PATIENCE)
        if ours.recv(16) != b"ready\n":
            raise RuntimeError(
                f"cannot start hostlerd:\n{(of.folder / 'hostlerd.log').read_text()}"
            )
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        ours.close()


def await_location(
    client: Client, wanted: Callable[[workspace_pb2.Location], bool] = lambda _: True
) -> Iterator[workspace_pb2.Location]:
    """Each location once, as soon as it is READY and wanted, in the order that they become so.

    It follows the daemon's feed: polling would take from the machine what is measured.
    """
    told = set()
    with client.watch(timeout=PATIENCE) as changes:
        for change in changes:
            kind = change.WhichOneof("change")
            found = change.workspace.locations if kind == "workspace" else [change.location]
            for location in found:
                if location.state == READY and location.name not in told and wanted(location):
                    told.add(location.name)
                    yield location


def all_ready(client: Client, of: Workspace) -> None:
    """Returns when every location is READY."""
    found = await_location(client)
    for _ in of.locations:
        next(found)


def python(*arguments: str, cwd: Path | None = None, path: Path | None = None) -> None:
    """Runs a fresh interpreter to its end, without what this one was started with."""
    environ = plain_environ()
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    subprocess.run([sys.executable, *arguments], cwd=cwd, env=environ, check=True)


def bare_starts(count: int, at_a_time: int) -> None:
    """Runs `python -c pass` so many times, as many at a time as asked."""
    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(lambda _: python("-c", "pass"), range(count)))


def cores() -> int:
    return len(os.sched_getaffinity(0))


def milliseconds(work: Callable[[], object]) -> float:
    """What `work` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
