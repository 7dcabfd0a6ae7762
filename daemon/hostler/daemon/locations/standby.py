"""The standby: a fork of a location process that waits for the next run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hostler.daemon.processes.factory import FORK_SECONDS, ForkError
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.daemon.templates.spare import MOST_ATTEMPTS, memory_is_scarce
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from hostler.daemon.base.clock import Timer
    from hostler.daemon.loading.context import LocationContext

#: After a launch: the run that has just begun comes first.
PAUSE_SECONDS = 0.05

#: One that takes longer to say that it is there is dying, or stopped; a new fork is there sooner.
PING_SECONDS = 0.25


class Standby:
    """Keeps one fork ahead for a while after each launch; to make one takes 10 ms with pandas.

    It is as good as one that is forked when it is needed: a location process runs nothing between
    the two moments.

    Args:
        find_parent: returns the location process that serves and may be forked; None where there
            is none.
        next_owner: an owner for each.
        listener: told what one says while it waits.
    """

    def __init__(
        self,
        context: LocationContext,
        find_parent: Callable[[], HostProcess | None],
        next_owner: Callable[[], str],
        listener: Listener,
    ) -> None:
        self._context = context
        self._find_parent = find_parent
        self._next_owner = next_owner
        self._listener = listener
        #: Of which the one that waits, or that is on its way, is a fork.
        self._parent: HostProcess | None = None
        self._waiting: HostProcess | None = None
        self._timer: Timer | None = None
        self._attempts = 0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """The process that waits; 0 where there is none."""
        return self._waiting.pid if self._waiting else 0

    async def take(self, parent: HostProcess) -> HostProcess | None:
        """The fork of a process that waits, the caller's from now on; None where there is none."""
        waiting = self._waiting
        if waiting is None or self._parent is not parent:
            return None
        self._waiting = None
        try:
            # what kills a large process closes its wire late: a run would be lost in between
            await waiting.channel.request(Method.PING, timeout=PING_SECONDS)
        except asyncio.CancelledError:
            self._kill(waiting)
            raise
        except Exception:  # noqa: BLE001 (whatever is wrong with it, a new fork will do)
            self._kill(waiting)
            return None
        return waiting

    def prepare(self) -> None:
        """Has one forked in a moment, for as long as the setting says."""
        if self._context.settings.run_standby:
            self._attempts = 0
            self._arm(PAUSE_SECONDS, self._provide)

    def end(self) -> None:
        """Ends the one that waits, or that is on its way."""
        self._disarm()
        self._parent = None
        self._drop()

    async def ended(self) -> None:
        """Returns when nothing is left of those that were ended until now."""
        for _ in range(2):  # one that was on its way is there first, then it is ended
            if self._under_way:
                await asyncio.wait(list(self._under_way))

    def _provide(self) -> None:
        self._timer = None
        parent = self._find_parent()
        if parent is None or parent.channel.closed:
            return
        if parent is not self._parent:
            self._drop()
            self._parent = parent
            parent.exit.add_done_callback(lambda _: self._on_parents_end(parent))
        if self._waiting is not None and self._waiting.channel.closed:
            self._drop()
        if self._waiting is not None:
            self._arm(self._context.settings.run_standby, self._expire)
        elif not memory_is_scarce():
            self._start(self._fork(parent), f"standby of {parent.owner}")

    async def _fork(self, parent: HostProcess) -> None:
        try:
            made = await self._context.factory.fork(parent, self._next_owner(), self._listener)
        except ForkError:  # it may only be short of time; the next run is told otherwise
            self._attempts += 1
            if self._attempts < MOST_ATTEMPTS and self._timer is None:
                self._arm(FORK_SECONDS, self._provide)
            return
        made.exit.add_done_callback(lambda _: self._on_end(made))
        if self._parent is not parent or self._waiting is not None:
            self._kill(made)
            return
        self._waiting = made
        if self._timer is None:  # else another launch has just been, and provides
            self._arm(self._context.settings.run_standby, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._drop()

    def _on_parents_end(self, parent: HostProcess) -> None:
        """Its code is not what the next run executes."""
        if self._parent is parent:
            self.end()

    def _on_end(self, made: HostProcess) -> None:
        if self._waiting is made:
            self._drop()

    def _drop(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._kill(waiting)

    def _kill(self, made: HostProcess) -> None:
        self._start(self._context.factory.kill(made), f"end of {made.owner}")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._context.tasks.start(work, name)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _arm(self, seconds: float, call: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._context.clock.call_later(seconds, call)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
