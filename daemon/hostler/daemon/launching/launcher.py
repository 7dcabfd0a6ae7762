"""How a process of the workspace comes to be, and how its end is known.

`Launcher` is the one interface; the daemon uses `KeeperLauncher`, which orders every process from
the keeper (see `hostler.daemon.keeper`).
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hostler.daemon.keeper import prctl
from hostler.daemon.launching.keeper_child import KeeperChild, KeeperError, kill_inherited
from hostler.daemon.launching.orders import (
    ExitStatus,
    Handle,
    SpawnError,
    SpawnOrder,
    channels,
    spawn_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.keeper.link import Packet

__all__ = [
    "ExitStatus",
    "Handle",
    "KeeperError",
    "KeeperLauncher",
    "Launcher",
    "SpawnError",
    "SpawnOrder",
]

log = logging.getLogger(__name__)

#: Exits of processes that nobody has asked for yet: a worker may end before it is adopted.
_REMEMBERED_EXITS = 1024

#: What a keeper leaves is gone in milliseconds; what the kernel holds (a dead NFS server) must not
#: hold up the new keeper for ever.
_INHERITED_PATIENCE = 5.0

#: A keeper that is told to stop has this long to end its tree before it is killed itself.
_STOP_PATIENCE = 5.0

#: A keeper that lived for less than this makes the next one wait: doubled, up to the longest.
_SHORT_LIFE = 1.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Launcher(Protocol):
    """Makes processes."""

    async def start(self, order: SpawnOrder) -> Handle:
        """Make a process and return once its executable runs.

        Raises:
            SpawnError: it could not be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Start:
    order: SpawnOrder
    made: asyncio.Future[tuple[int, asyncio.Future[ExitStatus]]]

    def fail(self, stage: str, errno: int) -> None:
        if not self.made.done():
            self.made.set_exception(spawn_error(self.order, stage, errno))


class KeeperLauncher:
    """The launcher of the daemon: its side of the keeper process, over all of that one's lives.

    If the keeper dies, everything below it is killed and every pending future resolved; then a new
    keeper is started and `on_death` called. A process holds one `KeeperLauncher` at most and has no
    other children: those would be taken for what a dead keeper left.
    """

    def __init__(self, instance: str, on_death: Callable[[], None]) -> None:
        self._instance = instance
        self._on_death = on_death
        self._process: KeeperChild | None = None
        self._ready: asyncio.Future[None] | None = None
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        self._revival: asyncio.Task[None] | None = None
        self._closing = False
        self._last_id = 0
        self._pause = 0.0
        self._starts: dict[int, _Start] = {}
        self._ends: dict[int, asyncio.Future[None]] = {}
        self._exits: dict[int, asyncio.Future[ExitStatus]] = {}
        self._past_exits: OrderedDict[int, ExitStatus] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """The keeper's pid; None while there is none."""
        return self._process.pid if self._process is not None else None

    async def open(self) -> None:
        """Start the keeper and wait until it takes orders.

        Raises:
            KeeperError: it cannot be started.
        """
        prctl.set_subreaper(on=True)
        await self._launch()

    async def close(self) -> None:
        """Kill everything below the keeper, and end it. Can be called more than once."""
        self._closing = True
        self._up.set()  # whoever waits for a keeper learns that none comes
        inherited = False
        if self._revival is not None and not self._revival.done():
            self._revival.cancel()
            await asyncio.wait([self._revival])
            inherited = True
        if (process := self._process) is not None:
            process.post({"order": "stop"})
            try:
                await asyncio.wait_for(self._gone.wait(), _STOP_PATIENCE)
            except TimeoutError:
                log.warning("cannot end everything within %g s; killing the keeper", _STOP_PATIENCE)
                process.kill()
                await self._gone.wait()
            inherited = inherited or process.returncode != 0
        if inherited:
            await self._kill_inherited()
        self._release_ends()
        prctl.set_subreaper(on=False)

    # Orders

    async def start(self, order: SpawnOrder) -> Handle:
        """Make a process and return once its executable runs.

        While the keeper is being replaced, this waits for the new one.

        Raises:
            SpawnError: it could not be made.
        """
        while self._process is None and not self._closing:
            await self._up.wait()
        if self._process is None or self._closing:
            raise spawn_error(order, "keeper", 0)
        ours, theirs = channels(order)
        id_ = self._next_id()
        start = self._starts[id_] = _Start(order, asyncio.get_running_loop().create_future())
        try:
            self._process.post({"order": "spawn", "id": id_}, theirs)
            pid, exit_ = await start.made
        except BaseException as error:
            self._starts.pop(id_, None)  # if it is made all the same, it is killed
            ours.close()
            if isinstance(error, OSError):
                raise spawn_error(order, "order", error.errno or 0) from error
            raise
        return Handle(pid, ours.control, ours.stdout, ours.stderr, exit_)

    def adopt(self, pid: int, owner: str) -> asyncio.Future[ExitStatus]:
        """Register a process that was forked from one of the keeper's; the future is its end.

        It may have ended already.
        """
        exit_ = self._exits.get(pid)
        if exit_ is None:
            exit_ = self._exits[pid] = asyncio.get_running_loop().create_future()
        if self._process is None:
            self._resolve(pid, ExitStatus(None, None, keeper_died=True))
        else:
            self._process.post({"order": "adopt", "pid": pid, "owner": owner})
        return exit_

    def signal(self, pid: int, sig: int, *, group: bool = True) -> None:
        """Send a signal to a process that was started or adopted, or to the group that it leads.

        Nothing happens if it has ended.
        """
        if self._process is not None:
            order = {"order": "signal", "pid": pid, "signal": int(sig), "group": group}
            self._process.post(order)

    async def end(self, owner: str) -> None:
        """Kill everything that belongs to the owner; returns once nothing is left.

        The exits of what was started or adopted for the owner are resolved by then.
        """
        if self._process is None:
            await self._up.wait()  # everything is being killed before a new keeper comes
            return
        id_ = self._next_id()
        ended = self._ends[id_] = asyncio.get_running_loop().create_future()
        try:
            self._process.post({"order": "end", "id": id_, "owner": owner})
            await ended
        finally:
            self._ends.pop(id_, None)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # Reports

    def _hear(self, packet: Packet) -> None:
        report = packet["report"]
        if report == "ready":
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
        elif report == "started":
            self._started(packet["id"], packet["pid"])
        elif report == "failed":
            start = self._starts.pop(packet["id"], None)
            if start is not None:
                start.fail(packet["stage"], packet["errno"])
        elif report == "exited":
            self._exited(packet["pid"], ExitStatus.from_wait(packet["status"]))
        elif report == "missing":
            # Its exit was reported before, or it never was below the keeper.
            past = self._past_exits.pop(packet["pid"], ExitStatus(None, None))
            self._resolve(packet["pid"], past)
        elif report == "ended":
            ended = self._ends.pop(packet["id"], None)
            if ended is not None and not ended.done():
                ended.set_result(None)

    def _started(self, id_: int, pid: int) -> None:
        start = self._starts.pop(id_, None)
        if start is None or start.made.done():
            self.signal(pid, signal.SIGKILL)  # whoever wanted it has given up
            return
        exit_ = self._exits[pid] = asyncio.get_running_loop().create_future()
        start.made.set_result((pid, exit_))

    def _exited(self, pid: int, status: ExitStatus) -> None:
        if pid in self._exits:
            self._past_exits.pop(pid, None)
            self._resolve(pid, status)
            return
        self._past_exits[pid] = status
        self._past_exits.move_to_end(pid)
        if len(self._past_exits) > _REMEMBERED_EXITS:
            self._past_exits.popitem(last=False)

    def _resolve(self, pid: int, status: ExitStatus) -> None:
        exit_ = self._exits.pop(pid, None)
        if exit_ is not None and not exit_.done():
            exit_.set_result(status)

    # The keeper's lives

    async def _launch(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        self._gone.clear()
        self._process = KeeperChild(self._instance, self._hear, self._lost)
        await self._ready
        self._up.set()

    def _lost(self) -> None:
        """The keeper has ended, by order or not."""
        assert self._process is not None
        process, self._process = self._process, None
        self._gone.set()
        self._resolve_all()
        if self._closing:
            return
        self._up.clear()
        if self._ready is not None and not self._ready.done():
            message = f"cannot start the keeper: it ended with {process.returncode}; see its stderr"
            self._ready.set_exception(KeeperError(message))
            return
        log.error("the keeper ended with %s; starting a new one", process.returncode)
        loop = asyncio.get_running_loop()
        lived = loop.time() - process.started
        self._pause = self._longer_pause() if lived < _SHORT_LIFE else 0.0
        self._revival = loop.create_task(self._revive(), name="keeper revival")

    async def _revive(self) -> None:
        while self._process is None:
            await self._kill_inherited()
            self._release_ends()
            await asyncio.sleep(self._pause)
            try:
                await self._launch()
            except KeeperError:
                log.exception("the keeper does not come back")
                self._pause = self._longer_pause()
        asyncio.get_running_loop().call_soon(self._on_death)

    def _longer_pause(self) -> float:
        return min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)

    async def _kill_inherited(self) -> None:
        if not await asyncio.to_thread(kill_inherited, _INHERITED_PATIENCE):
            log.error("cannot kill all that the keeper left within %g s", _INHERITED_PATIENCE)

    def _resolve_all(self) -> None:
        for pid in list(self._exits):
            self._resolve(pid, ExitStatus(None, None, keeper_died=True))
        self._past_exits.clear()
        for start in self._starts.values():
            start.fail("keeper", 0)
        self._starts.clear()

    def _release_ends(self) -> None:
        for ended in self._ends.values():
            if not ended.done():
                ended.set_result(None)
        self._ends.clear()
