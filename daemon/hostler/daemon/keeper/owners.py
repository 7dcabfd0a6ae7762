"""Who belongs to whom."""

from __future__ import annotations

from . import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .table import Process


class Owners:
    """The owner of each process below the keeper.

    In this order:
    1. a process that was spawned or adopted is its owner's, whatever its environment says;
    2. so are the descendants of it that are not registered themselves;
    3. the others, whose parents have ended, are found by the mark in their environment;
    4. or by their session, where they were given an environment without it;
    5. or they belong to whom their parent belongs.
    """

    def __init__(self, instance: str, keeper: int) -> None:
        self._instance = instance
        self._keeper = keeper
        self._registered: dict[int, str] = {}
        self._sessions: dict[int, str] = {}

    def register(self, pid: int, owner: str) -> None:
        """The process was spawned or adopted for the owner."""
        self._registered[pid] = owner
        # A session outlives its first process, and no pid is given out again while it is one's.
        self._sessions[pid] = owner

    def forget(self, pid: int) -> str | None:
        """The process was reaped: its owner, None if it was never registered."""
        return self._registered.pop(pid, None)

    def __contains__(self, pid: int) -> bool:
        return pid in self._registered

    def members(self, processes: Mapping[int, Process]) -> dict[str, list[Process]]:
        """The processes of each owner, zombies among them, parents first."""
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
