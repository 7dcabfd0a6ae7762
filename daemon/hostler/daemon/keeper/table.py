"""The table of processes, read from /proc."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The variable that says to which instance and owner a process belongs: INSTANCE:OWNER.
MARK = "HOSTLER_OWNER"

#: The variable behind it, whose room a fork writes its own mark into; see `hostler.host.marks`.
ROOM = "HOSTLER_ROOM"


class Process:
    """One line of the table."""

    __slots__ = ("is_dead", "parent", "pid", "session", "started")

    def __init__(self, pid: int, stat: bytes) -> None:
        # The name stands in parentheses and may hold any byte; see proc_pid_stat(5).
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.parent = int(fields[1])
        self.session = int(fields[3])
        #: In clock ticks since boot; with the pid it names a process for good.
        self.started = int(fields[19])
        #: A zombie. Where only the first thread has ended, the others go on.
        self.is_dead = fields[0] in b"ZX" and int(fields[17]) <= 1


def read(pid: int) -> Process | None:
    """The process as it is now; None if there is none."""
    try:
        return Process(pid, _content(f"/proc/{pid}/stat"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def scan() -> dict[int, Process]:
    """All processes that can be seen, by pid.

    A process whose parent ended while the table was read is read again, so that the way from
    each process up to its ancestors is whole.
    """
    names = os.listdir("/proc")
    found = (read(int(name)) for name in names if name.isdigit())
    table = {process.pid: process for process in found if process is not None}
    pending = list(table.values())
    while pending:
        process = pending.pop()
        if process.parent == 0 or process.parent in table:
            continue
        again = read(process.pid)
        # Still the same parent: it is there, but hidden from this user.
        if again is None or again.parent == process.parent:
            continue
        table[again.pid] = again
        parent = read(again.parent)
        if parent is not None:
            table.setdefault(parent.pid, parent)
        pending.append(parent or again)
    return table


def below(table: Mapping[int, Process], roots: Iterable[int]) -> list[Process]:
    """The descendants of the roots, parents before their children."""
    children: dict[int, list[Process]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found = [child for root in roots for child in children.get(root, ())]
    for process in found:  # grows while it is walked
        found.extend(children.get(process.pid, ()))
    return found


def is_below(pid: int, root: int) -> bool:
    """Whether the process is a descendant of the root, without reading the whole table."""
    process = read(pid)
    while process is not None and process.parent != 0:
        if process.parent == root:
            return True
        # Where the parent has just ended, the process has another by now.
        process = read(process.parent) or _moved(process)
    return False


def _moved(process: Process) -> Process | None:
    again = read(process.pid)
    return again if again is not None and again.parent != process.parent else None


def owner_mark(pid: int, instance: str) -> str | None:
    """The owner that the process's environment names; None if it has no mark of the instance.

    A fork has its parent's unless it has written its own there; a program that got another
    environment has none.
    """
    prefix = f"{MARK}={instance}:".encode()
    try:
        environ = _content(f"/proc/{pid}/environ")
    except OSError:  # gone, or another user's
        return None
    for variable in environ.split(b"\0"):
        if variable.startswith(prefix):
            return variable[len(prefix) :].decode("utf-8", "surrogateescape")
    return None


class Purge:
    """The end of processes that may fork meanwhile: passes, until two in a row find none alive.

    One is not enough: a process may be forked behind the reader of /proc while its parent ends
    ahead of it. What forks and ends faster than /proc is read can escape two passes; only who
    waits until there are no children any more is sure to have killed that.
    """

    def __init__(self) -> None:
        self._clean_passes = 0

    def strike(self, targets: Iterable[Process], reaper: int = 0) -> bool:
        """Send SIGKILL to all targets; True once nothing is left.

        Zombies are nothing, but for those whom the reaper is about to reap.
        """
        left = False
        for process in targets:
            if not process.is_dead or process.parent == reaper:
                left |= _kill(process)
        self._clean_passes = 0 if left else self._clean_passes + 1
        return self._clean_passes >= 2

    @property
    def is_hopeful(self) -> bool:
        """True where the last pass found nothing, so that the next should come soon."""
        return self._clean_passes == 1


def _kill(process: Process) -> bool:
    """False if it belongs to another user, so that nothing can be done."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:  # it has just gone, or no descriptor is left: the next pass tells
        return True
    try:
        again = read(process.pid)
        # The pid may be another's by now.
        if again is not None and again.started == process.started:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    finally:
        os.close(fd)
    return True
