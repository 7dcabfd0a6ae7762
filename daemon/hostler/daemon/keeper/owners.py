"""Which owner each process belongs to."""

from __future__ import annotations

from . import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .table import Process


class Owners:
    """The owner of each process below the keeper.

    The first of these that applies decides:
    1. a process that was spawned or adopted belongs to that owner, whatever its environment says;
    2. a descendant of such a process belongs to the same owner;
    3. any other, whose parent has ended, belongs to the owner that its environment's mark names;
    4. where its environment has no mark, to the owner of its session;
    5. where its session has none, to the owner of its parent.
    """

    def __init__(self, instance: str, keeper: int) -> None:
        self._instance = instance
        self._keeper = keeper
        self._registered: dict[int, str] = {}
        self._sessions: dict[int, str] = {}

    def register(self, pid: int, owner: str) -> None:
        """Assigns a process that was spawned or adopted to its owner."""
        self._registered[pid] = owner
        # A session outlives its first process, and the kernel reuses no pid that names a session.
        self._sessions[pid] = owner

    def forget(self, pid: int) -> str | None:
        """Forgets a process that was reaped; returns its owner, None if it was never registered."""
        return self._registered.pop(pid, None)

    def __contains__(self, pid: int) -> bool:
        return pid in self._registered

    def members(self, processes: Mapping[int, Process]) -> dict[str, list[Process]]:
        """Returns the processes of each owner, zombies among them, parents first."""
        self._forget_sessions(processes)
        firm: dict[int, str] = {}
        loose: dict[int, str | None] = {}
        members: dict[str, list[Process]] = {}
        for process in table.below(processes, [self._keeper]):
            owner = self._registered.get(process.pid) or firm.get(process.parent)
            if owner is not None:
                firm[process.pid] = owner
            else:
                owner = self._trace(process) or loose.get(process.parent)
                loose[process.pid] = owner
            if owner is not None:
                members.setdefault(owner, []).append(process)
        return members

    def _trace(self, process: Process) -> str | None:
        mark = table.owner_mark(process.pid, self._instance)
        return mark if mark is not None else self._sessions.get(process.session)

    def _forget_sessions(self, processes: Mapping[int, Process]) -> None:
        in_use = {process.session for process in processes.values()}
        for pid in self._sessions.keys() - in_use - self._registered.keys():
            del self._sessions[pid]
