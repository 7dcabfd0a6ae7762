"""The keeper's own code: one thread that makes, reaps and ends processes as it is told.

Run as `python -I -S -c "..." hostler-keeper DESCRIPTOR INSTANCE`; see `launching.keeper_child`.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
import time

from . import prctl, table
from .link import Link, close_all
from .owners import Owners
from .spawn import Spawn, read_order, spawn
from .table import Purge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .link import Packet
    from .table import Process

#: The pause after a pass of killing, doubled while nothing ends: what was killed is gone in a
#: millisecond or two, unless the kernel holds it. A child's end cuts the pause short.
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.2

#: The shortest time between passes, so that a hundred deaths do not cost a hundred of them.
SHORTEST_PAUSE = 0.002

#: Signals that a terminal or a service manager sends to all processes: the keeper ignores them,
#: since the daemon alone decides when it ends.
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class End:
    """An order to end an owner, until all its processes are gone."""

    __slots__ = ("id", "owner", "purge")

    def __init__(self, id: int, owner: str) -> None:  # noqa: A002 - the order's own word
        self.id = id
        self.owner = owner
        self.purge = Purge()


class Keeper:
    """The loop: waits on the link, on the ends of children and on execs, and nothing else."""

    def __init__(self, link: Link, instance: str) -> None:
        self._link = link
        self._instance = instance
        self._pid = os.getpid()
        self._owners = Owners(instance, self._pid)
        self._spawns: dict[int, Spawn] = {}
        self._failed: set[int] = set()
        self._ends: list[End] = []
        self._last_pass = self._next_pass = 0.0
        self._pause = FIRST_PAUSE
        self._stopping = False
        self._wakeup = _wakeup_on_child()
        self._poll = select.poll()
        self._poll.register(self._wakeup, select.POLLIN)
        self._poll.register(link, select.POLLIN)

    def run(self) -> None:
        """Serves until the daemon says stop or is gone; then ends everything below the keeper."""
        self._report("ready")
        try:
            while not (self._stopping or self._link.closed):
                self._turn()
        finally:
            self._end_everything()

    def _turn(self) -> None:
        backlog = select.POLLOUT if self._link.has_backlog else 0
        self._poll.modify(self._link, select.POLLIN | backlog)
        for fd, _ in self._poll.poll(self._timeout_ms()):
            if fd in self._spawns:
                self._settle(self._spawns[fd])
        self._reap()
        self._link.flush()
        for packet, fds in self._link.receive():
            self._obey(packet, fds)
        if self._ends and time.monotonic() >= self._next_pass:
            self._strike()

    def _timeout_ms(self) -> float | None:
        if not self._ends:
            return None
        return max(0.0, self._next_pass - time.monotonic()) * 1000

    def _report(self, report: str, **values: int | str | None) -> None:
        self._link.post({"report": report, **values})

    # Orders

    def _obey(self, packet: Packet, fds: list[int]) -> None:
        order = packet["order"]
        if order == "spawn":
            self._spawn(packet["id"], fds)
        elif order == "adopt":
            self._adopt(packet["pid"], packet["owner"])
        elif order == "signal":
            self._signal(packet["pid"], packet["signal"], group=packet["group"])
        elif order == "end":
            self._ends.append(End(packet["id"], packet["owner"]))
            self._hurry()
        elif order == "stop":
            self._stopping = True
        else:
            raise ValueError(f"cannot obey the order {packet}: no such order")

    def _spawn(self, id: int, fds: list[int]) -> None:  # noqa: A002 - the order's own word
        if not fds:  # they exceeded this process's limit
            self._report("failed", id=id, stage="descriptors", errno=errno.EMFILE)
            return
        try:
            order = read_order(fds[0])
            made = spawn(id, order, self._instance, fds[1:])
        except OSError as error:
            self._report("failed", id=id, stage="fork", errno=error.errno)
            return
        finally:
            close_all(fds)
        self._owners.register(made.pid, order.owner)
        self._spawns[made.pipe] = made
        self._poll.register(made.pipe, select.POLLIN)

    def _settle(self, made: Spawn) -> None:
        """Reports whether the exec of a spawned process has succeeded or failed."""
        self._poll.unregister(made.pipe)
        del self._spawns[made.pipe]
        failure = made.failure()
        if failure is None:
            self._report("started", id=made.id, pid=made.pid)
        else:
            self._owners.forget(made.pid)
            self._failed.add(made.pid)
            self._report("failed", id=made.id, stage=failure[0], errno=failure[1])

    def _adopt(self, pid: int, owner: str) -> None:
        if table.is_below(pid, self._pid):
            self._owners.register(pid, owner)
        else:
            self._report("missing", pid=pid)

    def _signal(self, pid: int, number: int, *, group: bool) -> None:
        # No other process can have the pid before the keeper reaps this one.
        if pid not in self._owners:
            return
        try:
            if group and os.getpgid(pid) == pid:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # its end is reported anyway; another user's process cannot be signalled

    # Ends

    def _reap(self) -> bool:
        """Reports the children that have ended; returns False if there is no child left."""
        _drain(self._wakeup)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self._bury(pid, status)

    def _bury(self, pid: int, status: int) -> None:
        for made in list(self._spawns.values()):
            if made.pid == pid:
                self._settle(made)
        if pid in self._failed:
            self._failed.discard(pid)
        else:
            self._report("exited", pid=pid, status=status, owner=self._owners.forget(pid))
        self._hurry()

    def _hurry(self) -> None:
        self._pause = FIRST_PAUSE
        self._next_pass = self._last_pass + SHORTEST_PAUSE

    def _strike(self) -> None:
        """Kills in one pass what belongs to the owners that are being ended."""
        members = self._owners.members({end.owner for end in self._ends})
        ended = [
            end
            for end in self._ends
            if end.purge.strike(members.of(end.owner), self._pid, is_exact=members.is_exact)
        ]
        for end in ended:
            self._ends.remove(end)
            self._owners.forget_owner(end.owner)
            self._report("ended", id=end.id)
        self._last_pass = time.monotonic()
        hopeful = any(end.purge.is_hopeful for end in self._ends)
        self._next_pass = self._last_pass + (SHORTEST_PAUSE if hopeful else self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _end_everything(self) -> None:
        self._poll.unregister(self._link)
        purge = Purge()
        pause = FIRST_PAUSE
        # The purge counts as done where only another user's processes are left.
        while self._reap() and not purge.strike(self._all_below(), self._pid):
            self._poll.poll(pause * 1000)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _all_below(self) -> Iterable[Process]:
        """Returns what is below the keeper: its own children, and of theirs what can be seen.

        What is missed becomes the keeper's own child when its parent ends. To look at all processes
        would take longer than it takes one that forks without end to do so.
        """
        children = table.children(self._pid)
        if children is None:
            return table.below(table.scan(), [self._pid])
        return table.walk(children).values()


def _wakeup_on_child() -> int:
    """Returns a descriptor that becomes readable when a child has ended."""
    wakeup, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return wakeup


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 512):
            pass
    except BlockingIOError:
        pass


def main() -> None:
    """Runs the keeper; its arguments are the descriptor of its socket and the instance."""
    descriptor, instance = sys.argv[-2:]
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    prctl.set_subreaper(on=True)
    prctl.set_name(b"hostler-keeper")
    sock = socket.socket(fileno=int(descriptor))
    sock.set_inheritable(False)
    Keeper(Link(sock), instance).run()
