"""The hostler command as people run it: the console script, in a pipe or in a terminal."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import psutil
from e2e.harness import PATIENCE, alive
from google.protobuf import json_format
from google.protobuf.message import Message

#: What a command says when it has to wait for longer than a moment.
WAITING = ("hostler: starting a daemon for ", "hostler: waiting for ")

M = TypeVar("M", bound=Message)

#: Beside the interpreter, in a development environment and where a wheel is installed.
SCRIPT = Path(sys.executable).with_name("hostler")

#: Makes stdin the controlling terminal, so that Ctrl-C there is a SIGINT, and becomes the command.
LOGIN = (
    "import fcntl, os, sys, termios\n"
    "os.setsid()\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


class Outcome(NamedTuple):
    """Holds how a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its stderr without lines that only a slow machine prints."""
        lines = self.err.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(WAITING))

    def message(self, kind: type[M]) -> M:
        """Returns the whole of stdout as one message."""
        assert self.out, self.err
        return json_format.Parse(self.out, kind())

    def messages(self, kind: type[M]) -> list[M]:
        """Returns each line of stdout as a message."""
        return [json_format.Parse(line, kind()) for line in self.out.splitlines()]


class Shell:
    """Runs commands in a folder and an environment; none outlives the test.

    Attributes:
        tmp: TMPDIR, where private daemons have their folders.
    """

    def __init__(self, folder: Path, tmp: Path) -> None:
        self.folder = folder
        self.tmp = tmp
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("HOSTLER_", "_HOSTLER")) and key not in {"NO_COLOR", "COLUMNS"}
        }
        self.environ = {
            **kept,
            "TMPDIR": str(tmp),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
        }
        (folder / "run").mkdir(mode=0o700, exist_ok=True)
        self._started: list[subprocess.Popen[str]] = []

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(
        self,
        *arguments: str | Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[str]:
        """Starts a command whose stdout and stderr are pipes."""
        command = subprocess.Popen(
            [SCRIPT, *arguments],
            cwd=cwd or self.folder,
            env={**self.environ, **(environ or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(command)
        return command

    def run(
        self,
        *arguments: str | Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        given: str | None = None,
    ) -> Outcome:
        """Runs a command to its end; `given` is its stdin."""
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        command = self.start(*arguments, environ=environ, cwd=cwd, stdin=stdin)
        out, err = command.communicate(given, timeout=PATIENCE)
        return Outcome(command.returncode, out, err)

    def piped(self, line: str) -> Outcome:
        """Runs a line of sh in which `hostler` is the command."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env={**self.environ, "PATH": f"{SCRIPT.parent}:{self.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def processes(self) -> list[str]:
        """Returns the processes that have this environment, children of commands among them."""
        mark = self.environ["XDG_CACHE_HOME"]
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("XDG_CACHE_HOME") == mark and alive(process.pid):
                    found.append(f"{process.pid} {process.cmdline()}")
        return found

    def close(self) -> None:
        for command in self._started:
            command.kill()
            command.wait()
            for stream in (command.stdin, command.stdout, command.stderr):
                if stream is not None:
                    stream.close()


class Terminal:
    """Runs a command on a terminal of its own."""

    def __init__(self, shell: Shell, *arguments: str | Path, **environ: str) -> None:
        self.screen = ""
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 120))
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOGIN, SCRIPT, *arguments],
            cwd=shell.folder,
            env={**shell.environ, "TERM": "xterm-256color", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def read_until(self, done: Callable[[str], object]) -> str:
        """Reads until `done` holds for all text so far, or to the end; returns that text."""
        deadline = time.monotonic() + PATIENCE
        while not done(self.screen):
            left = deadline - time.monotonic()
            assert select.select([self._ours], [], [], max(left, 0))[0], f"no more: {self.screen}"
            try:
                part = os.read(self._ours, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            self.screen += part.decode(errors="replace")
        return self.screen

    def type(self, text: str) -> None:
        """Types a text."""
        os.write(self._ours, text.encode())

    def ctrl_c(self) -> None:
        """Types Ctrl-C."""
        os.write(self._ours, b"\x03")

    def press(self, keys: bytes) -> None:
        """Types keys; what is on the screen from before is forgotten."""
        self.screen = ""
        os.write(self._ours, keys)

    def resize(self, rows: int, columns: int) -> None:
        """Changes the terminal's size, and forgets what is on the screen."""
        self.screen = ""
        termios.tcsetwinsize(self._ours, (rows, columns))

    def end(self) -> int:
        """Reads to the end; returns the exit code."""
        self.read_until(lambda _: False)
        return self._process.wait(PATIENCE)


@contextlib.contextmanager
def shell_in(folder: Path) -> Iterator[Shell]:
    """Makes a shell in a folder, with a TMPDIR whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="hostler-test-", dir="/tmp") as tmp:
        shell = Shell(folder, Path(tmp))
        try:
            yield shell
        finally:
            shell.close()


def line_with(command: subprocess.Popen[str], part: str) -> str:
    """Returns the next line of a command's stdout that contains a part."""
    assert command.stdout is not None
    seen = []
    for line in command.stdout:
        if part in line:
            return line
        seen.append(line)
    raise AssertionError(f"no line with {part!r} in {seen}")


def interrupt(command: subprocess.Popen[str]) -> Outcome:
    """Sends SIGINT, as Ctrl-C does; returns how the command ended."""
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=PATIENCE)
    return Outcome(command.returncode, out, err)
