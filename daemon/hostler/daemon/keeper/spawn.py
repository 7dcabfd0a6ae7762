"""Makes processes by fork and exec, which the keeper may do: it has a single thread.

`subprocess` keeps its own account of children, which would race with `waitpid(-1)`.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal

from . import prctl
from .table import MARK, ROOM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

#: Above the descriptors that a new process is given, so that none overwrites another.
_CLEAR_FD = 16


class Order:
    """The process to make. Texts are bytes: the keeper may have another file system encoding."""

    __slots__ = ("argv", "cwd", "descriptors", "env", "memory", "nice", "owner", "room")

    def __init__(self, body: dict[str, Any]) -> None:
        self.owner: str = body["owner"]
        self.argv: list[bytes] = [_bytes(argument) for argument in body["argv"]]
        self.env = {_bytes(name): _bytes(value) for name, value in body["env"].items()}
        self.cwd = _bytes(body["cwd"]) if body["cwd"] is not None else None
        self.memory: int | None = body["memory"]
        self.nice: int | None = body["nice"]
        self.room: int = body["room"]
        self.descriptors: int | None = body.get("descriptors")


class Spawn:
    """A process that was forked, until it is known whether its exec succeeded."""

    __slots__ = ("id", "pid", "pipe")

    def __init__(self, id: int, pid: int, pipe: int) -> None:  # noqa: A002 - the order's own word
        self.id = id
        self.pid = pid
        #: Ends when the exec has succeeded; brings the stage and errno when something failed.
        self.pipe = pipe

    def failure(self) -> tuple[str, int] | None:
        """Returns the stage and errno of what failed; None where the exec has succeeded.

        To be called once, when the pipe is readable or the process is dead.
        """
        answer = os.read(self.pipe, 64).decode()
        os.close(self.pipe)
        if not answer:
            return None
        stage, errno = answer.split()
        return stage, int(errno)


def read_order(memfd: int) -> Order:
    """Returns the order that the daemon wrote into the memfd."""
    size = os.fstat(memfd).st_size
    return Order(json.loads(os.pread(memfd, size, 0)))


def spawn(id: int, order: Order, instance: str, stdio: Sequence[int]) -> Spawn:  # noqa: A002
    """Forks and executes; `stdio` is control, stdout, stderr, which stay the caller's.

    Raises:
        OSError: no process or no pipe could be made.
    """
    order.env[MARK.encode()] = f"{instance}:{order.owner}".encode("utf-8", "surrogateescape")
    if order.room:  # the kernel lays the variables out in their order
        order.env[ROOM.encode()] = b" " * order.room
    keeper = os.getpid()
    pipe, report = os.pipe()
    try:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _become(order, stdio, report, keeper)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    except OSError:
        os.close(pipe)
        raise
    finally:
        os.close(report)
    return Spawn(id, pid, pipe)


def _become(order: Order, stdio: Sequence[int], report: int, keeper: int) -> NoReturn:
    """Turns the fork into the ordered program; never returns, whatever happens."""
    stage = "session"
    try:
        os.setsid()
        prctl.set_parent_death_signal(signal.SIGKILL)
        if os.getppid() != keeper:  # the keeper ended before the line above
            os._exit(127)
        stage = "descriptors"
        report = _arrange_descriptors(stdio, report)
        stage = "chdir"
        if order.cwd is not None:
            os.chdir(order.cwd)
        stage = "nice"
        if order.nice is not None:
            os.nice(order.nice)
        stage = "memory"
        if order.memory is not None:
            _limit_memory(order.memory)
        if order.descriptors is not None:
            _limit_descriptors(order.descriptors)
        stage = "exec"
        _reset_signals()
        os.execve(order.argv[0], order.argv, order.env)  # noqa: S606 - a shell is not wanted
    except OSError as error:
        os.write(report, f"{stage} {error.errno}".encode())
    except BaseException:  # noqa: BLE001 - a copy of the keeper must not go on as a second one
        os.write(report, f"{stage} 0".encode())
    finally:
        os._exit(127)


def _arrange_descriptors(stdio: Sequence[int], report: int) -> int:
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    control, stdout, stderr = stdio
    targets = [null, stdout, stderr, control]
    clear = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _CLEAR_FD) for fd in [*targets, report]]
    for target, fd in enumerate(clear[:-1]):
        os.dup2(fd, target, inheritable=True)
    # Every other descriptor of the keeper's closes on exec.
    return clear[-1]


def _limit_memory(limit: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _limit_descriptors(limit: int) -> None:
    # what uses select(), or closes all descriptors one by one, expects the usual limit
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), hard))


def _reset_signals() -> None:
    # Exec leaves ignored signals ignored, and the keeper ignores some.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")
