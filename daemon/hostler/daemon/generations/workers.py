"""Workers: processes that have loaded a generation and call the user's functions for readers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

from hostler.daemon.base.text import load_json
from hostler.daemon.launching.launcher import LOST_WIRE, ExitStatus
from hostler.daemon.processes.channel import ChannelClosedError
from hostler.daemon.processes.host_process import DEATH_SECONDS, HostProcess
from hostler.host.wire import Method, dump


class WorkerDiedError(Exception):
    """A worker ended before it answered.

    Attributes:
        status: its exit status; None if it has only closed its wire.
    """

    def __init__(self, pid: int, status: ExitStatus | None) -> None:
        how = status.describe() if status else LOST_WIRE
        super().__init__(f"worker {pid} died: {how}")
        self.pid = pid
        self.status = status


class RetiredError(Exception):
    """The generation was replaced, or its location stopped, before a worker answered."""

    def __init__(self) -> None:
        super().__init__("the generation was replaced while it constructed")


#: Seconds after which a call is slow: another worker has begun by then, also on a busy machine.
SLOW = 0.1

#: Calls of one generation at once, the slow ones included: each is a process.
MAX_CALLS = 64


class CallLimit:
    """Limits how many calls of one generation are under way at once."""

    def __init__(self, limit: int, *, lets_slow_pass: bool = False) -> None:
        """
        Args:
            lets_slow_pass: whether a call that is slow gives its place to the next one, so that
                a few that hang hold up nobody.
        """
        self._free = asyncio.Semaphore(limit)
        self._all = asyncio.Semaphore(MAX_CALLS if lets_slow_pass else limit)
        self._lets_slow_pass = lets_slow_pass

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits for a place, and keeps it while the block is executed."""
        async with self._all:
            await self._free.acquire()
            is_held = True

            def give_up() -> None:
                nonlocal is_held
                if is_held:
                    is_held = False
                    self._free.release()

            timer = None
            if self._lets_slow_pass:
                timer = asyncio.get_running_loop().call_later(SLOW, give_up)
            try:
                yield
            finally:
                give_up()
                if timer is not None:
                    timer.cancel()


class Workers:
    """Makes workers of one generation when they are needed, and keeps them for further calls.

    A worker carries out one call at a time. A call that is cancelled, as the facade does when a
    deadline has passed, ends its worker: nothing else stops user code.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[HostProcess]],
        end: Callable[[HostProcess], asyncio.Task[None]],
        kill: Callable[[HostProcess], asyncio.Task[None]],
        limit: CallLimit,
    ) -> None:
        """
        Args:
            start: makes a worker.
            end: has a worker that calls nothing end by itself.
            kill: ends a worker that may be in the user's code.
            limit: of the calls at once.
        """
        self._start = start
        self._end = end
        self._kill = kill
        self._limit = limit
        self._idle: list[HostProcess] = []
        self._busy: set[HostProcess] = set()
        self._starting: set[asyncio.Future[HostProcess]] = set()
        self._retired = False
        self._calls = 0
        self._drained = asyncio.Event()
        self._drained.set()

    @property
    def pids(self) -> list[int]:
        """The pids of all workers, idle and busy."""
        return [worker.pid for worker in (*self._idle, *self._busy)]

    async def call(self, order: dict[str, object]) -> dict[str, Any]:
        """Has a worker carry out `order`; see hostler.host.calls.

        Raises:
            WorkerDiedError: the worker ended before it answered.
            RetiredError: `retire` has ended the worker.
            RemoteError: the user's function raised.
            NoProcessError: no worker could be made.
        """
        self._calls += 1
        self._drained.clear()
        try:
            async with self._limit.place():
                return await self._call(order)
        finally:
            self._calls -= 1
            if not self._calls:
                self._drained.set()

    async def _call(self, order: dict[str, object]) -> dict[str, Any]:
        worker = await self._acquire()
        self._busy.add(worker)
        keep = False
        try:
            frame = await worker.channel.request(Method.CALL, dump(order))
            keep = True
            return cast("dict[str, Any]", load_json(frame.body))
        except ChannelClosedError:
            if self._retired:
                raise RetiredError from None
            # the keeper reports the death at about the same time
            await asyncio.wait([worker.exit], timeout=DEATH_SECONDS)
            status = worker.exit.result() if worker.exit.done() else None
            raise WorkerDiedError(worker.pid, status) from None
        except Exception:
            keep = True  # the user's function raised; the worker is as good as before
            raise
        finally:
            self._busy.discard(worker)
            if keep and not self._retired and not worker.channel.closed:
                self._idle.append(worker)
            else:
                (self._end if keep else self._kill)(worker)

    async def _acquire(self) -> HostProcess:
        """Returns an idle worker, or makes one."""
        if self._retired:
            raise RetiredError
        idle = self._acquire_idle()
        if idle is not None:
            return idle
        starting = asyncio.ensure_future(self._start())
        self._starting.add(starting)
        try:
            return await starting
        except asyncio.CancelledError:
            if starting.cancelled() and self._is_retired():
                raise RetiredError from None
            raise
        finally:
            self._starting.discard(starting)

    def _is_retired(self) -> bool:
        return self._retired

    def _acquire_idle(self) -> HostProcess | None:
        while self._idle:
            worker = self._idle.pop()
            if not worker.channel.closed:
                return worker
            self._end(worker)
        return None

    async def retire(self, seconds: float) -> None:
        """Ends the idle workers now, the busy ones after their calls; returns when all have ended.

        Args:
            seconds: how long the calls may go on.
        """
        self._retired = True
        ending = [self._end(worker) for worker in self._idle]
        self._idle.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        for starting in self._starting:
            starting.cancel()
        for worker in list(self._busy):
            worker.channel.close("its generation was replaced and its time to end has passed")
            ending.append(self._kill(worker))
        if ending:
            await asyncio.wait(ending)
