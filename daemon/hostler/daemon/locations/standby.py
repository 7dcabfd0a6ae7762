"""The standby: a process that has loaded a generation and waits for the next run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.daemon.base.memory import memory_is_scarce
from hostler.daemon.processes.factory import FORK_SECONDS
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.daemon.templates.spare import MOST_ATTEMPTS
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from hostler.daemon.base.clock import Timer
    from hostler.daemon.loading.context import LocationContext

#: How long after a launch the standby is forked: the run that has just begun comes first.
PAUSE_SECONDS = 0.05

#: A standby that takes longer to answer is dying, or stopped; a new fork is there sooner.
PING_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class RunSource:
    """What a run process is made from.

    Attributes:
        identity: the location process that is forked, or the generation that is loaded anew.
        make: makes a process that has loaded the code, for an owner.
        parent: the process that is forked; None where the code is loaded anew.
        may_wait: whether a process may load it before a run needs it.
    """

    identity: object
    make: Callable[[str, Listener], Awaitable[HostProcess]]
    parent: HostProcess | None = None
    may_wait: bool = True


class Standby:
    """Keeps one process waiting for a while after each launch.

    A fork takes 10 ms with pandas, and a load as long as the code's own imports. The standby is as
    good as a process that is made when a run needs it: the location process executes no code of
    the user's between the two moments, and no other process shares what the standby has loaded.
    """

    def __init__(
        self,
        context: LocationContext,
        find_source: Callable[[], RunSource | None],
        next_owner: Callable[[], str],
        listener: Listener,
    ) -> None:
        """
        Args:
            find_source: returns what the next run is made from; None where it is spawned.
            next_owner: returns an owner for each standby.
            listener: is told what a standby says while it waits.
        """
        self._context = context
        self._find_source = find_source
        self._next_owner = next_owner
        self._listener = listener
        #: What the standby was made from.
        self._source: RunSource | None = None
        self._waiting: HostProcess | None = None
        self._timer: Timer | None = None
        self._attempts = 0
        #: Until then a launch wants another run to find a standby; by the clock.
        self._wanted_until = 0.0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """The pid of the standby; 0 if there is none."""
        return self._waiting.pid if self._waiting else 0

    async def take(self, source: RunSource) -> HostProcess | None:
        """Returns a standby that was made from this; None if there is none.

        The caller has to assign it to another owner.
        """
        waiting = self._waiting
        if waiting is None or not self._is_of(source):
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
            self._wanted_until = self._context.clock.monotonic() + (
                self._context.settings.run_standby
            )
            self._arm(PAUSE_SECONDS, self._provide)

    def renew(self) -> None:
        """Another process serves: has a standby made of that, where a launch still wants one."""
        if self._context.clock.monotonic() < self._wanted_until:
            self._arm(PAUSE_SECONDS, self._provide)

    def end(self) -> None:
        """Ends the standby, also one that is being made."""
        self._disarm()
        self._source = None
        self._drop()

    async def ended(self) -> None:
        """Returns when all standbys have ended that were told to."""
        for _ in range(2):  # a standby that is being forked is ended after that
            if self._under_way:
                await asyncio.wait(list(self._under_way))

    def _is_of(self, source: RunSource) -> bool:
        return self._source is not None and self._source.identity is source.identity

    def _provide(self) -> None:
        self._timer = None
        source = self._find_source()
        if source is None or (source.parent is not None and source.parent.channel.closed):
            if self._context.clock.monotonic() < self._wanted_until:  # the template may be coming
                self._arm(FORK_SECONDS, self._provide)
            return
        if not source.may_wait:
            self._drop()
            return
        if not self._is_of(source):
            self._drop()
            self._source = source
            if source.parent is not None:
                source.parent.exit.add_done_callback(lambda _: self._on_parents_end(source))
        if self._waiting is not None and self._waiting.channel.closed:
            self._drop()
        if self._waiting is not None:
            self._arm(self._context.settings.run_standby, self._expire)
        elif not memory_is_scarce():
            self._start(self._make(source), "a standby")

    async def _make(self, source: RunSource) -> None:
        try:
            made = await source.make(self._next_owner(), self._listener)
        except Exception:  # noqa: BLE001 (it may only be short of time; a run that needs it notices)
            self._attempts += 1
            if self._attempts < MOST_ATTEMPTS and self._timer is None:
                self._arm(FORK_SECONDS, self._provide)
            return
        made.exit.add_done_callback(lambda _: self._on_end(made))
        if not self._is_of(source) or self._waiting is not None:
            self._end(made)
            return
        self._waiting = made
        if self._timer is None:  # else another launch has just armed it
            self._arm(self._context.settings.run_standby, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._drop()

    def _on_parents_end(self, source: RunSource) -> None:
        """Ends the standby: the next run executes other code."""
        if self._is_of(source):
            self.end()

    def _on_end(self, made: HostProcess) -> None:
        if self._waiting is made:
            self._drop()

    def _drop(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._end(waiting)

    def _end(self, made: HostProcess) -> None:
        """Has a standby end by itself: it may have loaded code that registered exit handlers."""
        self._start(self._context.factory.terminate(made), f"end of {made.owner}")

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
