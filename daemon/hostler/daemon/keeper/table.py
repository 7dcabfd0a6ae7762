"""The table of processes, read from /proc."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The variable that says to which instance and owner a process belongs: INSTANCE:OWNER.
MARK = "HOSTLER_OWNER"

#: The variable after it: a fork writes its own mark into this room; see `hostler.host.marks`.
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
    """Returns the process as it is now; None if there is none."""
    try:
        return Process(pid, _content(f"/proc/{pid}/stat"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def scan() -> dict[int, Process]:
    """Returns all processes that this user can see, by pid.

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


def children(pid: int) -> list[int] | None:
    """Returns the children of a process, zombies among them; None where the kernel does not tell.

    Of a caller that has one thread, and reaps nothing meanwhile, the answer is exact: the kernel
    appends to the list that it reads, and removes what was reaped alone. Of another process that
    has children, some may be missing (proc_pid_task_tid_children(5)).
    """
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _content(f"/proc/{pid}/task/{thread}/children").split())
    except (FileNotFoundError, ProcessLookupError):
        return found if _tells_children() else None
    return found


def _tells_children() -> bool:
    pid = os.getpid()
    return os.path.exists(f"/proc/{pid}/task/{pid}/children")


def walk(roots: Iterable[int]) -> dict[int, Process]:
    """Returns the processes of these pids and what is below them, as `children` tells it."""
    found: dict[int, Process] = {}
    pending = list(roots)
    while pending:
        pid = pending.pop()
        process = read(pid) if pid not in found else None
        if process is not None:
            found[pid] = process
            pending += children(pid) or ()
    return found


def below(table: Mapping[int, Process], roots: Iterable[int]) -> list[Process]:
    """Returns the descendants of the roots, parents before their children."""
    children: dict[int, list[Process]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found = [child for root in roots for child in children.get(root, ())]
    for process in found:  # grows while it is walked
        found.extend(children.get(process.pid, ()))
    return found


def is_below(pid: int, root: int) -> bool:
    """Returns whether the process descends from the root, without reading the whole table."""
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
    """Returns the owner that the process's environment names; None without the instance's mark.

    A fork has its parent's mark unless it has written its own; a program that was given another
    environment has no mark.
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
    """Kills processes that may fork meanwhile, in passes, until two in a row find none alive.

    One pass is not enough: a process may fork where /proc was read already, and end before it is
    read itself. Processes that fork and end faster than /proc is read can escape two passes; who
    has to be sure waits until no children are left.
    """

    def __init__(self) -> None:
        self._clean_passes = 0

    def strike(
        self, targets: Iterable[Process], reaper: int = 0, *, is_exact: bool = False
    ) -> bool:
        """Sends SIGKILL to all targets; returns True once nothing is left.

        Zombies do not count as left, except for those that the reaper is about to reap.

        Args:
            reaper: the process whose zombies count.
            is_exact: whether the targets are all that there is, so that one pass is enough.
        """
        left = False
        for process in targets:
            if not process.is_dead or process.parent == reaper:
                left |= _kill(process)
        self._clean_passes = 0 if left else self._clean_passes + 1
        return self._clean_passes >= (1 if is_exact else 2)

    @property
    def is_hopeful(self) -> bool:
        """Returns whether the last pass found nothing, so that the next should come soon."""
        return self._clean_passes == 1


def _kill(process: Process) -> bool:
    """Kills a process; returns False where it is another user's and cannot be killed."""
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
