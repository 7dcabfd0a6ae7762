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

#: How long after a launch the standby is forked: the run that has just begun comes first.
PAUSE_SECONDS = 0.05

#: A standby that takes longer to answer is dying, or stopped; a new fork is there sooner.
PING_SECONDS = 0.25


class Standby:
    """Keeps one fork waiting for a while after each launch; with pandas, a fork takes 10 ms.

    The standby is as good as a fork that is made when a run needs it: the location process executes
    no code of the user's between the two moments.
    """

    def __init__(
        self,
        context: LocationContext,
        find_parent: Callable[[], HostProcess | None],
        next_owner: Callable[[], str],
        listener: Listener,
    ) -> None:
        """
        Args:
            find_parent: returns the location process that serves and may be forked; None if there
                is none.
            next_owner: returns an owner for each standby.
            listener: is told what a standby says while it waits.
        """
        self._context = context
        self._find_parent = find_parent
        self._next_owner = next_owner
        self._listener = listener
        #: The location process that the standby is a fork of.
        self._parent: HostProcess | None = None
        self._waiting: HostProcess | None = None
        self._timer: Timer | None = None
        self._attempts = 0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """The pid of the standby; 0 if there is none."""
        return self._waiting.pid if self._waiting else 0

    async def take(self, parent: HostProcess) -> HostProcess | None:
        """Returns a standby that is a fork of this process; None if there is none.

        The caller has to assign it to another owner.
        """
        waiting = self._waiting
        if waiting is None or self._parent is not parent:
            return None
        self._waiting = None
        try:
            # the kernel closes the wire of a large process late: the run would fail meanwhile
            await waiting.channel.request(Method.PING, timeout=PING_SECONDS)
        except asyncio.CancelledError:
            self._kill(waiting)
            raise
        except Exception:  # noqa: BLE001 (whatever is wrong with the standby, a new fork will do)
            self._kill(waiting)
            return None
        return waiting

    def prepare(self) -> None:
        """Has a standby forked in a moment, which waits for as long as the setting says."""
        if self._context.settings.run_standby:
            self._attempts = 0
            self._arm(PAUSE_SECONDS, self._provide)

    def end(self) -> None:
        """Ends the standby, also one that is being forked."""
        self._disarm()
        self._parent = None
        self._drop()

    async def ended(self) -> None:
        """Returns when all standbys have ended that were told to."""
        for _ in range(2):  # a standby that is being forked is ended after that
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
        except ForkError:  # the parent may only be short of time; a run that needs it notices
            self._attempts += 1
            if self._attempts < MOST_ATTEMPTS and self._timer is None:
                self._arm(FORK_SECONDS, self._provide)
            return
        made.exit.add_done_callback(lambda _: self._on_end(made))
        if self._parent is not parent or self._waiting is not None:
            self._kill(made)
            return
        self._waiting = made
        if self._timer is None:  # else another launch has just armed it
            self._arm(self._context.settings.run_standby, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._drop()

    def _on_parents_end(self, parent: HostProcess) -> None:
        """Ends the standby: the next run executes other code."""
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
