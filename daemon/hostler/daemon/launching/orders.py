"""Orders to the keeper, and what comes of them: a process, its exit, or the reason for none."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostler.host.wire import EXIT_LOST

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SpawnOrder:
    """A process to make.

    Attributes:
        owner: the owner of it and of its descendants; not empty.
        argv: the arguments; the first is the path of the executable, PATH is not searched.
        env: the whole environment, to which the mark of the owner is added.
        cwd: its working directory; None for "/".
        memory: a limit in bytes on its data, heap and private mappings (RLIMIT_DATA).
        nice: what is added to the daemon's niceness.
        room: bytes behind the mark, for the marks of forks; see `hostler.host.marks`.
        descriptors: how many it may have open (the soft limit); None for as many as the keeper.
    """

    owner: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)  # the values may be secrets
    cwd: str | None
    memory: int | None = None
    nice: int | None = None
    room: int = 0
    descriptors: int | None = None


#: What is said of a process that the daemon has lost by the doing of the user's code.
LOST_WIRE = (
    "its code closed the descriptor through which the daemon speaks to it; close only what the "
    "code has opened"
)


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: with a code, by a signal, or in a way that is not known."""

    code: int | None
    signal: int | None
    keeper_died: bool = False

    @classmethod
    def from_wait(cls, status: int) -> ExitStatus:
        """Makes a status from what `waitpid` gives."""
        code = os.waitstatus_to_exitcode(status)
        return cls(code, None) if code >= 0 else cls(None, -code)

    def describe(self) -> str:
        """Returns the status in words: "exit code 3", "killed by SIGKILL"."""
        if self.code == EXIT_LOST:
            return LOST_WIRE
        if self.code is not None:
            return f"exit code {self.code}"
        if self.signal is not None:
            return f"killed by {_signal_name(self.signal)}"
        if self.keeper_died:
            return "killed with its keeper"
        return "ended unseen"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


class SpawnError(Exception):
    """A process could not be made.

    Attributes:
        stage: what failed: "order", "fork", "session", "descriptors", "chdir", "nice", "memory",
            "exec", or "keeper" where there is no keeper any more.
        errno: the system's error, 0 where there is none.
        message: for people, with the object and the cause.
    """

    def __init__(self, stage: str, errno: int, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.errno = errno
        self.message = message


def spawn_error(order: SpawnOrder, stage: str, errno: int) -> SpawnError:
    """Returns the error of an order that failed in a stage."""
    executable = order.argv[0]
    failed = {
        "chdir": f"cannot start {executable} in the folder {order.cwd}",
        "nice": f"cannot start {executable} with {order.nice} added to its niceness",
        "memory": f"cannot start {executable} with {order.memory} bytes of memory",
        "exec": f"cannot execute {executable}",
        "keeper": f"cannot start {executable}: its keeper has ended",
    }
    message = failed.get(stage, f"cannot start {executable} ({stage})")
    return SpawnError(stage, errno, f"{message}: {os.strerror(errno)}" if errno else message)


@dataclass(frozen=True, slots=True)
class Handle:
    """A process that was made. The descriptors are the receiver's, who closes them.

    Attributes:
        pid: also its process group's and its session's.
        control: the daemon's end of the stream socket that the process has as descriptor 3;
            non-blocking.
        stdout: the read end of its standard output; non-blocking.
        stderr: the same of its standard error.
        exit: resolved when it has ended and was reaped, even where others hold its descriptors.
    """

    pid: int
    control: socket.socket
    stdout: int
    stderr: int
    exit: asyncio.Future[ExitStatus]

    def close(self) -> None:
        """Closes the three descriptors; once, and only while all are still open."""
        self.control.close()
        os.close(self.stdout)
        os.close(self.stderr)


class ParentEnds:
    """The daemon's ends of control, stdout and stderr of a process that is to be made."""

    __slots__ = ("control", "stderr", "stdout")

    def __init__(self, control: socket.socket, stdout: int, stderr: int) -> None:
        self.control = control
        self.stdout = stdout
        self.stderr = stderr

    def close(self) -> None:
        self.control.close()
        os.close(self.stdout)
        os.close(self.stderr)


def open_pipes(order: SpawnOrder) -> tuple[ParentEnds, list[int]]:
    """Returns the daemon's ends, and the descriptors that go with the order to the keeper.

    Raises:
        SpawnError: a text holds a NUL byte, or no descriptors are left.
    """
    body = _body(order)
    made: list[int] = []
    try:
        memfd = os.memfd_create("hostler-order")
        made.append(memfd)
        with open(memfd, "wb", closefd=False) as file:
            file.write(body)
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        made += [control.detach(), theirs.detach()]
        for _ in ("stdout", "stderr"):
            made += os.pipe()
    except OSError as error:
        for fd in made:
            os.close(fd)
        raise spawn_error(order, "order", error.errno or 0) from error
    memfd, ours, theirs_, stdout, child_stdout, stderr, child_stderr = made
    control = socket.socket(fileno=ours)
    control.setblocking(False)
    os.set_blocking(stdout, False)
    os.set_blocking(stderr, False)
    return ParentEnds(control, stdout, stderr), [memfd, theirs_, child_stdout, child_stderr]


def _body(order: SpawnOrder) -> bytes:
    """Returns the order as the keeper reads it; its texts are bytes, one to a character."""
    texts = [*order.argv, *order.env.keys(), *order.env.values(), order.cwd or ""]
    if any("\0" in text for text in texts):
        message = f"cannot start {order.argv[0]!r}: an argument or variable holds a NUL character"
        raise SpawnError("order", 0, message)
    body = {
        "owner": order.owner,
        "argv": [_latin(argument) for argument in order.argv],
        "env": {_latin(name): _latin(value) for name, value in order.env.items()},
        "cwd": _latin(order.cwd) if order.cwd is not None else None,
        "memory": order.memory,
        "nice": order.nice,
        "room": order.room,
        "descriptors": order.descriptors,
    }
    return json.dumps(body).encode()


def _latin(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
