"""Which owner each process belongs to."""

from __future__ import annotations

from . import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .table import Process


class Members:
    """The processes of some owners, as they were found."""

    __slots__ = ("_processes", "is_exact")

    def __init__(self, processes: Mapping[str, Sequence[Process]], *, is_exact: bool) -> None:
        self._processes = processes
        #: Whether one that was not found was not there: see `Owners`.
        self.is_exact = is_exact

    def of(self, owner: str) -> Sequence[Process]:
        """Returns the processes of one owner."""
        return self._processes.get(owner, ())


class Owners:
    """The owner of each process below the keeper.

    The first of these that applies decides:
    1. a process that was spawned or adopted belongs to that owner, whatever its environment says;
    2. a descendant of such a process belongs to the same owner;
    3. any other, whose parent has ended, belongs to the owner that its environment's mark names;
    4. where its environment has no mark, to the owner of its session;
    5. where its session has none, to the owner of its parent.

    Most processes end alone, and a look at all processes of the machine for each of them would
    keep the keeper busy where there are thousands. What follows from the rules spares it: each
    process below the keeper is below one of the keeper's children, whose list is exact
    (`table.children`). Where all of those are registered, an owner has what is registered for it
    and what is below that, and nothing else. Where some are not, they are orphans: they and what is
    below them are traced one by one. All processes are read where more has to be known: where a
    process of the owner has children, which may fork and end while they are read, so that one that
    was missed might bear no mark later; where it is not a child of the keeper; where an orphan is
    the owner's.
    """

    def __init__(self, instance: str, keeper: int) -> None:
        self._instance = instance
        self._keeper = keeper
        self._registered: dict[int, str] = {}
        self._pids: dict[str, set[int]] = {}
        self._sessions: dict[int, str] = {}

    def register(self, pid: int, owner: str) -> None:
        """Assigns a process that was spawned or adopted to its owner."""
        self._unregister(pid)
        self._registered[pid] = owner
        self._pids.setdefault(owner, set()).add(pid)
        # A session outlives its first process, and the kernel reuses no pid that names a session.
        self._sessions[pid] = owner

    def forget(self, pid: int) -> str | None:
        """Forgets a process that was reaped; returns its owner, None if it was never registered."""
        return self._unregister(pid)

    def forget_owner(self, owner: str) -> None:
        """Forgets the sessions of an owner that has ended: nothing can come from them any more."""
        self._sessions = {
            pid: of for pid, of in self._sessions.items() if of != owner or pid in self._registered
        }

    def __contains__(self, pid: int) -> bool:
        return pid in self._registered

    def members(self, wanted: Collection[str]) -> Members:
        """Returns the processes of the wanted owners, zombies among them, parents first."""
        found = self._members_alone(wanted)
        if found is None:
            processes = table.scan()
            self._forget_sessions(processes)
            found = Members(self._assign(processes), is_exact=False)
        return found

    def _members_alone(self, wanted: Collection[str]) -> Members | None:
        """Returns them without a look at all processes; None where it takes that."""
        children = table.children(self._keeper)
        if children is None:
            return None
        orphans = [pid for pid in children if pid not in self._registered]
        if orphans and not self._assign(table.walk(orphans)).keys().isdisjoint(wanted):
            return None
        found: dict[str, list[Process]] = {}
        for owner in wanted:
            for pid in self._pids.get(owner, ()):
                process = table.read(pid)
                # one that is gone was reaped by another parent, and may have left an orphan since
                if process is None or process.parent != self._keeper:
                    return None
                if table.children(pid) != []:
                    return None
                found.setdefault(owner, []).append(process)
        return Members(found, is_exact=not orphans)

    def _assign(self, processes: Mapping[int, Process]) -> dict[str, list[Process]]:
        """Returns those of the processes that are below the keeper, by owner, parents first."""
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

    def _unregister(self, pid: int) -> str | None:
        owner = self._registered.pop(pid, None)
        if owner is not None:
            pids = self._pids[owner]
            pids.discard(pid)
            if not pids:
                del self._pids[owner]
        return owner

    def _trace(self, process: Process) -> str | None:
        mark = table.owner_mark(process.pid, self._instance)
        return mark if mark is not None else self._sessions.get(process.session)

    def _forget_sessions(self, processes: Mapping[int, Process]) -> None:
        in_use = {process.session for process in processes.values()}
        for pid in self._sessions.keys() - in_use - self._registered.keys():
            del self._sessions[pid]
