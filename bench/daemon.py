"""hostlerd on a workspace of small locations, and the interpreters that it is compared with."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hostler.client import Client
from hostler.v1.workspace_pb2 import Location

#: Seconds after which a start has failed.
PATIENCE = 120.0

#: Seconds that a bench follows the feed at most.
LONGEST = 900.0

#: Seconds after the daemon has a spare again; only the end of the old process is left to do then.
PAUSE = 0.05

READY = Location.READY

#: Why a location is not forked that must not be.
NEVER = "fork: never in workspace.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Names a folder with a workspace.yaml, and where its daemon keeps its files."""

    folder: Path
    locations: tuple[str, ...]

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "d.sock"

    @property
    def environ(self) -> dict[str, str]:
        """Returns the caller's environment without its settings of hostler and of Python."""
        kept = plain_environ()
        for kind in ("CACHE", "STATE"):
            kept[f"XDG_{kind}_HOME"] = str(self.folder / kind.lower())
        return kept

    def file(self, location: str) -> Path:
        return self.folder / location


def plain_environ() -> dict[str, str]:
    """Returns a user's environment; PYTHONDONTWRITEBYTECODE would cost each start 150 ms."""
    ours = ("HOSTLER_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def workspace(
    folder: Path,
    sources: Mapping[str, str],
    *,
    beside: Mapping[str, str] | None = None,
    executable: Path | None = None,
    never_forked: Collection[str] = (),
) -> Workspace:
    """Writes a workspace of python_file locations, by file name.

    Args:
        sources: a location for each.
        beside: other files, which the locations import.
        executable: the interpreter of all; the daemon's own where none is given.
        never_forked: locations that are always spawned.
    """
    (folder / "run").mkdir(mode=0o700)
    write(folder, sources)
    write(folder, beside or {})
    entries = []
    for name in sources:
        entry = {"relative_path": name}
        if executable is not None:
            entry["executable_path"] = str(executable)
        if name in never_forked:
            entry["fork"] = "never"
        entries.append({"python_file": entry})
    (folder / "workspace.yaml").write_text(json.dumps({"load_from": entries}))
    return Workspace(folder, tuple(sources))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes files by their paths below the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@contextlib.contextmanager
def hostlerd(of: Workspace, **settings: str) -> Iterator[None]:
    """Starts a daemon, enters once it serves, and ends it at last.

    Args:
        settings: HOSTLER_ settings, by their names in lower case.
    """
    process, ours = spawn(of, **settings)
    try:
        await_serving(of, ours)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        ours.close()


def spawn(of: Workspace, **settings: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Starts a daemon; returns its process, and our end of its lifeline.

    Args:
        settings: as in `hostlerd`.
    """
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
            env=of.environ | {f"HOSTLER_{name.upper()}": text for name, text in settings.items()},
        )
    theirs.close()
    return process, ours


def await_serving(of: Workspace, lifeline: socket.socket) -> None:
    """Returns once the daemon serves."""
    lifeline.settimeout(PATIENCE)
    if lifeline.recv(16) != b"ready\n":
        raise RuntimeError(f"cannot start hostlerd:\n{(of.folder / 'hostlerd.log').read_text()}")


class Feed:
    """Follows the daemon's feed, as a user interface does: polling would take time from what is
    measured."""

    def __init__(self, client: Client) -> None:
        self._stream = client.watch(timeout=LONGEST)
        self._locations = self._follow()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.cancel()

    def _follow(self) -> Iterator[Location]:
        """Yields the locations as they are, then each that has changed."""
        for change in self._stream:
            kind = change.WhichOneof("change")
            yield from change.workspace.locations if kind == "workspace" else [change.location]

    def until(self, wanted: Callable[[Location], bool]) -> Location:
        """Returns the next location that is READY and wanted."""
        return next(each for each in self._locations if each.state == READY and wanted(each))

    def newer(self, known: Location) -> Location:
        """Returns the same location, as soon as it answers with another generation."""
        return self.until(
            lambda each: each.name == known.name and each.generation > known.generation
        )

    def ready(self, count: int) -> Iterator[Location]:
        """Yields so many locations, each as soon as it is READY."""
        told: set[str] = set()
        while len(told) < count:
            found = self.until(lambda location: location.name not in told)
            told.add(found.name)
            yield found


def all_ready(client: Client, of: Workspace) -> None:
    """Returns when every location is READY."""
    with Feed(client) as feed:
        for _ in feed.ready(len(of.locations)):
            pass


def rested(client: Client, name: str) -> Location:
    """Returns the location once the daemon has done its work after a load, as between two saves of
    a person."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = client.location(name)
        is_forking = found.template.spare_pid or found.start_reason == NEVER
        if found.state == READY and found.pid and is_forking:
            time.sleep(PAUSE)
            return found
        time.sleep(PAUSE / 5)
    raise RuntimeError(f"cannot measure: {name} does not come to rest: {found}")


def python(*arguments: str) -> None:
    """Runs a fresh interpreter to its end, without what this one was started with."""
    subprocess.run([sys.executable, *arguments], env=plain_environ(), check=True)


def bare_starts(count: int, at_a_time: int) -> None:
    """Runs `python -c pass` so many times, as many at a time as asked."""
    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(lambda _: python("-c", "pass"), range(count)))


def cores() -> int:
    return len(os.sched_getaffinity(0))


def milliseconds(work: Callable[[], object]) -> float:
    """Returns how long `work` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
