"""A real daemon for a test: real processes, a real socket, real files."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import psutil

from hostler.client import Client, NotFoundError
from hostler.v1 import workspace_pb2

T = TypeVar("T")
State = workspace_pb2.Location.State

#: Long enough for a loaded machine of 2 cores; a test that passes does not wait for it.
PATIENCE = 30.0

#: Seconds between two polls; short beside what a test measures, long beside what a poll costs.
_STEP = 0.01


def eventually(
    check: Callable[[], T | Literal[False] | None], what: str = "", timeout: float = PATIENCE
) -> T:
    """Calls `check` until it returns something true, and returns that.

    Raises:
        AssertionError: it has not within `timeout` seconds.
    """
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what or check}"
        pause.wait(_STEP)


class Daemon:
    """Runs hostlerd on a folder's workspace.yaml."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.workspace = folder / "workspace.yaml"
        self.socket = folder / "run" / "d.sock"
        self.log = folder / "hostlerd.log"
        self.environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: socket.socket | None = None
        self._client: Client | None = None

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *arguments: str) -> "Daemon":
        """Starts the daemon; returns once it serves."""
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        ours, theirs = socket.socketpair()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command(*arguments), "--lifeline", str(theirs.fileno())],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=self.environ,
                cwd=self.folder,
            )
        theirs.close()
        ours.settimeout(PATIENCE)
        assert ours.recv(16) == b"ready\n", self.log.read_text()
        self._lifeline = ours
        return self

    def command(self, *arguments: str) -> list[str]:
        """Returns hostlerd's command line."""
        return [
            *(sys.executable, "-P", "-m", "hostler.daemon.main"),
            *("-w", str(self.workspace)),
            *("--socket", str(self.socket)),
            *("--state", str(self.folder / "state")),
            *arguments,
        ]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def keeper_pid(self) -> int:
        """The pid of the keeper; 0 while a new one is being started."""
        for child in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.Error):
                if "hostler-keeper" in child.cmdline():
                    return child.pid
        return 0

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(self.socket)
        return self._client

    def wait(self, timeout: float = PATIENCE) -> int:
        """Waits for the end of the daemon; returns its exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    def kill(self) -> None:
        """Sends SIGKILL; the clients live on, and find the next daemon."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None

    def stop(self) -> int:
        """Sends SIGTERM; returns the exit code."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def state(self, location: str) -> str:
        """Returns a location's state, as `ps` shows it."""
        return State.Name(self.client.location(location).state)

    def ready(self, location: str, generation: int = 1) -> workspace_pb2.Location:
        """Waits until a location is READY at a generation or a later one."""

        def check() -> workspace_pb2.Location | None:
            try:
                found = self.client.location(location)
            except NotFoundError:  # workspace.yaml has just been edited
                return None
            good = found.state == State.READY and found.generation >= generation and found.pid
            return found if good else None

        return eventually(check, f"{location} ready at generation {generation}")

    def in_state(self, location: str, state: str) -> workspace_pb2.Location:
        """Waits until a location is in a state."""

        def check() -> workspace_pb2.Location | None:
            found = self.client.location(location)
            return found if State.Name(found.state) == state else None

        return eventually(check, f"{location} in state {state}")

    def pipelines(self, location: str) -> list[str]:
        """Returns the names of a location's pipelines."""
        return [each.name.rpartition("/")[2] for each in self.client.pipelines(location)]

    def tree(self) -> set[int]:
        """Returns the pids of the daemon and of all its descendants."""
        process = psutil.Process(self.pid)
        return {self.pid, *(each.pid for each in process.children(recursive=True))}

    def at_work(self) -> set[int]:
        """Returns the pids of `tree` without templates, spares and standbys.

        A process that was just forked may be among them: ask again.
        """
        locations = self.client.locations()
        ahead = {location.standby_pid for location in locations}
        ahead |= {pid for each in locations for pid in (each.template.pid, each.template.spare_pid)}
        return self.tree() - ahead


@contextlib.contextmanager
def daemon_in(folder: Path, **settings: str) -> Iterator[Daemon]:
    """Makes a daemon that is not started yet; ends it at last, and asserts that nothing is left.

    Args:
        settings: HOSTLER_ settings, by their names in lower case.
    """
    environ = {key: value for key, value in os.environ.items() if not key.startswith("HOSTLER_")}
    environ["XDG_CACHE_HOME"] = str(folder / "cache")
    environ["XDG_STATE_HOME"] = str(folder / "xdg-state")
    environ["XDG_RUNTIME_DIR"] = str(folder / "xdg-run")
    for name, value in settings.items():
        environ[f"HOSTLER_{name.upper()}"] = value
    (folder / "xdg-run").mkdir(mode=0o700)
    daemon = Daemon(folder, environ)
    try:
        yield daemon
    except BaseException:
        if daemon.log.exists():
            print(daemon.log.read_text())  # noqa: T201 (pytest shows it beside the failure)
        raise
    finally:
        daemon.stop()
    left = left_of(daemon)
    assert not left, f"left behind: {left}"


def left_of(daemon: Daemon) -> list[str]:
    """Returns the processes on the machine that bear the mark of a daemon's runtime folder."""
    mark = str(daemon.folder / "cache")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environ = process.environ()
            if mark in environ.get("PYTHONPATH", "") and "HOSTLER_OWNER" in environ:
                found.append(f"{process.pid} {process.cmdline()} {process.status()}")
    return found


def alive(pid: int) -> bool:
    """Returns whether a process runs; a zombie does not."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
