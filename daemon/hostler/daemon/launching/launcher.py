"""Makes the processes of the workspace, and learns how each of them ends.

`Launcher` is the one interface; the daemon uses `KeeperLauncher`, which orders every process from
the keeper (see `hostler.daemon.keeper`).
"""

from __future__ import annotations

import asyncio
import signal
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hostler.daemon.keeper import prctl
from hostler.daemon.launching.keeper_child import KeeperChild, KeeperError, kill_inherited
from hostler.daemon.launching.orders import (
    LOST_WIRE,
    ExitStatus,
    Handle,
    SpawnError,
    SpawnOrder,
    open_pipes,
    spawn_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.keeper.link import Packet

__all__ = [
    "LOST_WIRE",
    "ExitStatus",
    "Handle",
    "KeeperError",
    "KeeperLauncher",
    "Launcher",
    "SpawnError",
    "SpawnOrder",
]

#: Exits that are kept until their processes are adopted: a worker may end before that.
_MAX_UNCLAIMED_EXITS = 1024

#: Seconds: what a keeper leaves is killed in milliseconds, but a process that the kernel holds
#: (on a dead NFS server) must not hold up the new keeper for ever.
_INHERITED_PATIENCE = 5.0

#: Seconds that a keeper has to end its tree before it is killed itself.
_STOP_PATIENCE = 5.0

#: A keeper that lived for less than this makes the next one wait: doubled, up to the longest.
_SHORT_LIFE = 1.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Launcher(Protocol):
    """Makes processes, learns how each ends, and ends them. Every method is called on the loop.

    Whoever starts a process names its owner; the owner owns what the process starts as well.
    """

    async def start(self, order: SpawnOrder) -> Handle:
        """Makes a process and returns once its executable runs.

        Raises:
            SpawnError: it could not be made.
        """
        ...

    def adopt(self, pid: int, owner: str) -> asyncio.Future[ExitStatus]:
        """Assigns a process that one of the launcher's processes has forked to an owner.

        Returns:
            How it ends; it may have ended already. A process that was adopted before, or started,
            keeps its future.
        """
        ...

    def signal(self, pid: int, sig: int, *, group: bool = True) -> None:
        """Sends a signal to a process that was started or adopted, or to the group that it leads.

        Nothing happens if it has ended.
        """

    async def end(self, owner: str) -> None:
        """Kills everything that belongs to the owner; returns once nothing is left.

        The exits of what was started or adopted for the owner are resolved by then.
        """


@dataclass(frozen=True, slots=True)
class _PendingStart:
    order: SpawnOrder
    made: asyncio.Future[tuple[int, asyncio.Future[ExitStatus]]]

    def fail(self, stage: str, errno: int) -> None:
        if not self.made.done():
            self.made.set_exception(spawn_error(self.order, stage, errno))


class KeeperLauncher:
    """The daemon's launcher: starts the keeper, gives it orders, and replaces it when it dies.

    If the keeper dies, everything below it is killed and every pending future resolved; then a new
    keeper is started and `on_death` called. A process holds one `KeeperLauncher` at most and has no
    other children: those would be taken for what a dead keeper left.
    """

    def __init__(self, instance: str, on_death: Callable[[], None], journal: Journal) -> None:
        self._instance = instance
        self._on_death = on_death
        self._journal = journal
        self._process: KeeperChild | None = None
        self._ready: asyncio.Future[None] | None = None
        self._keeper_up = asyncio.Event()
        self._keeper_gone = asyncio.Event()
        self._revival: asyncio.Task[None] | None = None
        self._closing = False
        self._last_id = 0
        self._restart_pause = 0.0
        self._pending_starts: dict[int, _PendingStart] = {}
        self._pending_ends: dict[int, asyncio.Future[None]] = {}
        self._exit_futures: dict[int, asyncio.Future[ExitStatus]] = {}
        self._unclaimed_exits: OrderedDict[int, ExitStatus] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """Returns the keeper's pid; None while there is no keeper."""
        return self._process.pid if self._process is not None else None

    async def open(self) -> None:
        """Starts the keeper and waits until it takes orders.

        Raises:
            KeeperError: it cannot be started.
        """
        prctl.set_subreaper(on=True)
        await self._launch()

    async def close(self) -> None:
        """Kills everything below the keeper, and ends the keeper. May be called more than once."""
        self._closing = True
        self._keeper_up.set()  # those who wait for a keeper see that none comes
        inherited = False
        if self._revival is not None and not self._revival.done():
            self._revival.cancel()
            await asyncio.wait([self._revival])
            inherited = True
        if (process := self._process) is not None:
            process.post({"order": "stop"})
            try:
                await asyncio.wait_for(self._keeper_gone.wait(), _STOP_PATIENCE)
            except TimeoutError:
                self._journal.warning("keeper does not end", action="it is killed")
                process.kill()
                await self._keeper_gone.wait()
            inherited = inherited or process.returncode != 0
        if inherited:
            await self._kill_inherited()
        self._release_pending_ends()
        prctl.set_subreaper(on=False)

    # Orders

    async def start(self, order: SpawnOrder) -> Handle:
        """Makes a process and returns once its executable runs.

        While the keeper is being replaced, this waits for the new one.

        Raises:
            SpawnError: it could not be made.
        """
        while self._process is None and not self._closing:
            await self._keeper_up.wait()
        if self._process is None or self._closing:
            raise spawn_error(order, "keeper", 0)
        ours, theirs = open_pipes(order)
        id_ = self._next_id()
        start = self._pending_starts[id_] = _PendingStart(
            order, asyncio.get_running_loop().create_future()
        )
        try:
            self._process.post({"order": "spawn", "id": id_}, theirs)
            pid, exit_ = await start.made
        except BaseException as error:
            self._pending_starts.pop(id_, None)  # if it is made all the same, it is killed
            ours.close()
            if isinstance(error, OSError):
                raise spawn_error(order, "order", error.errno or 0) from error
            raise
        return Handle(pid, ours.control, ours.stdout, ours.stderr, exit_)

    def adopt(self, pid: int, owner: str) -> asyncio.Future[ExitStatus]:
        """Registers a process that one of the keeper's processes forked; the future is its end.

        It may have ended already.
        """
        exit_ = self._exit_futures.get(pid)
        if exit_ is None:
            exit_ = self._exit_futures[pid] = asyncio.get_running_loop().create_future()
        if self._process is None:
            self._resolve(pid, ExitStatus(None, None, keeper_died=True))
        else:
            self._process.post({"order": "adopt", "pid": pid, "owner": owner})
        return exit_

    def signal(self, pid: int, sig: int, *, group: bool = True) -> None:
        """Sends a signal to a process that was started or adopted, or to the group that it leads.

        Nothing happens if it has ended.
        """
        if self._process is not None:
            order = {"order": "signal", "pid": pid, "signal": int(sig), "group": group}
            self._process.post(order)

    async def end(self, owner: str) -> None:
        """Kills everything that belongs to the owner; returns once nothing is left.

        The exits of what was started or adopted for the owner are resolved by then.
        """
        if self._process is None:
            await self._keeper_up.wait()  # everything is being killed before a new keeper comes
            return
        id_ = self._next_id()
        ended = self._pending_ends[id_] = asyncio.get_running_loop().create_future()
        try:
            self._process.post({"order": "end", "id": id_, "owner": owner})
            await ended
        finally:
            self._pending_ends.pop(id_, None)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # Reports

    def _on_report(self, packet: Packet) -> None:
        report = packet["report"]
        if report == "ready":
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
        elif report == "started":
            self._on_started(packet["id"], packet["pid"])
        elif report == "failed":
            start = self._pending_starts.pop(packet["id"], None)
            if start is not None:
                start.fail(packet["stage"], packet["errno"])
        elif report == "exited":
            self._on_exited(packet["pid"], ExitStatus.from_wait(packet["status"]))
        elif report == "missing":
            # Its exit was reported before, or it never was below the keeper.
            past = self._unclaimed_exits.pop(packet["pid"], ExitStatus(None, None))
            self._resolve(packet["pid"], past)
        elif report == "ended":
            ended = self._pending_ends.pop(packet["id"], None)
            if ended is not None and not ended.done():
                ended.set_result(None)

    def _on_started(self, id_: int, pid: int) -> None:
        start = self._pending_starts.pop(id_, None)
        if start is None or start.made.done():
            self.signal(pid, signal.SIGKILL)  # the caller has given up
            return
        exit_ = self._exit_futures[pid] = asyncio.get_running_loop().create_future()
        start.made.set_result((pid, exit_))

    def _on_exited(self, pid: int, status: ExitStatus) -> None:
        if pid in self._exit_futures:
            self._unclaimed_exits.pop(pid, None)
            self._resolve(pid, status)
            return
        self._unclaimed_exits[pid] = status
        self._unclaimed_exits.move_to_end(pid)
        if len(self._unclaimed_exits) > _MAX_UNCLAIMED_EXITS:
            self._unclaimed_exits.popitem(last=False)

    def _resolve(self, pid: int, status: ExitStatus) -> None:
        exit_ = self._exit_futures.pop(pid, None)
        if exit_ is not None and not exit_.done():
            exit_.set_result(status)

    # The keeper's lives

    async def _launch(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        self._keeper_gone.clear()
        self._process = KeeperChild(self._instance, self._on_report, self._on_keeper_exit)
        await self._ready
        self._keeper_up.set()

    def _on_keeper_exit(self) -> None:
        """Starts a new keeper where the old one has ended without an order to."""
        assert self._process is not None
        process, self._process = self._process, None
        self._keeper_gone.set()
        self._resolve_after_keeper_exit()
        if self._closing:
            return
        self._keeper_up.clear()
        if self._ready is not None and not self._ready.done():
            message = f"cannot start the keeper: it ended with {process.returncode}; see its stderr"
            self._ready.set_exception(KeeperError(message))
            return
        status, action = process.returncode, "a new one is started"
        self._journal.error("keeper ended", status=status, action=action)
        loop = asyncio.get_running_loop()
        lived = loop.time() - process.started
        self._restart_pause = self._longer_pause() if lived < _SHORT_LIFE else 0.0
        self._revival = loop.create_task(self._revive(), name="keeper revival")

    async def _revive(self) -> None:
        while self._process is None:
            await self._kill_inherited()
            self._release_pending_ends()
            await asyncio.sleep(self._restart_pause)
            try:
                await self._launch()
            except KeeperError as error:
                self._journal.fault("cannot start a new keeper", error)
                self._restart_pause = self._longer_pause()
        asyncio.get_running_loop().call_soon(self._on_death)

    def _longer_pause(self) -> float:
        return min(max(_FIRST_PAUSE, self._restart_pause * 2), _LONGEST_PAUSE)

    async def _kill_inherited(self) -> None:
        if not await asyncio.to_thread(kill_inherited, _INHERITED_PATIENCE):
            self._journal.error("cannot kill what the keeper left", seconds=_INHERITED_PATIENCE)

    def _resolve_after_keeper_exit(self) -> None:
        for pid in list(self._exit_futures):
            self._resolve(pid, ExitStatus(None, None, keeper_died=True))
        self._unclaimed_exits.clear()
        for start in self._pending_starts.values():
            start.fail("keeper", 0)
        self._pending_starts.clear()

    def _release_pending_ends(self) -> None:
        for ended in self._pending_ends.values():
            if not ended.done():
                ended.set_result(None)
        self._pending_ends.clear()
