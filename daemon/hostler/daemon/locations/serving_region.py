"""The serving region of a location: keeps the last good generation and its process."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

from hostler.daemon.base.backoff import Backoff
from hostler.daemon.base.timers import Timers
from hostler.daemon.state.location import SERVING, LocationEffect, LocationEvent, Serving
from hostler.daemon.state.rules import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.launching.launcher import ExitStatus
    from hostler.daemon.loading.context import LocationContext
    from hostler.daemon.loading.failures import LoadFailure
    from hostler.daemon.loading.location_process import LocationProcess
    from hostler.daemon.workspace.text.models import LocationSpec


#: The events by which a process that serves is lost, and the states in which one does.
_LOST = (
    *(LocationEvent.DIED, LocationEvent.DIED_EARLY),
    *(LocationEvent.UNHEALTHY, LocationEvent.KEEPER_LOST),
)
_SERVED = (Serving.UP, Serving.RENEWING)


class ServingRegion:
    """Keeps the last good generation served; performs the effects of the table SERVING.

    If its process dies or does not answer, the region starts a successor from the same sources.

    Attributes:
        generation: the last good generation; None before the first, and when stopped.
        current: the process that serves; None if it is dead.
        successor: the process that will take its place; None if none is needed.
        failure: why the last successor failed; None once a successor has succeeded.
        retry_time: when the next successor is started, in seconds since the epoch; None before the
            first failure.
        losses: how many processes that served have died or hung.
    """

    def __init__(
        self,
        context: LocationContext,
        start_process: Callable[[LocationSpec, bytes | None], LocationProcess],
        feed: Callable[[LocationEvent, str], None],
    ) -> None:
        """
        Args:
            start_process: starts a process that loads a specification, from disk or from sources.
            feed: feeds an event, with its reason, to both regions.
        """
        self.generation: Generation | None = None
        self.current: LocationProcess | None = None
        self.successor: LocationProcess | None = None
        self.failure: LoadFailure | None = None
        self.retry_time: float | None = None
        self.losses = 0
        #: Why the successor may not be forked, once it has loaded.
        self._successor_obstacles: tuple[str, ...] = ()
        self._context = context
        self._start_process = start_process
        self._feed = feed
        self._machine = Machine(SERVING, context.on_undeclared)
        self._backoff = Backoff(context.settings, random.random)
        self._timers = Timers(context.clock)
        self._numbers = itertools.count(1)

    @property
    def state(self) -> Serving:
        """The present state of the table."""
        return self._machine.state

    def step(self, event: LocationEvent) -> tuple[LocationEffect, ...]:
        """Moves to the next state; returns the effects that have to be performed."""
        self.losses += event in _LOST and self.state in _SERVED
        return self._machine.feed(event)

    # What happens

    def on_ready(self, loaded: Generation) -> None:
        """Feeds that the successor has loaded the sources of the generation."""
        self._successor_obstacles = loaded.fork_obstacles
        self._feed(LocationEvent.REVIVED, "its process is back")

    def on_unfit(self, reason: str) -> None:
        """Feeds that the successor is a fork, and a new interpreter has to load the sources."""
        self.successor = None
        self._feed(LocationEvent.REVIVAL_UNFIT, f"a new interpreter is needed: {reason}")

    def on_failed(self, failure: LoadFailure) -> None:
        """Feeds that the successor could not load the sources of the generation."""
        self.successor = None
        if self.state is not Serving.RENEWING:  # where what serves goes on, there is no failure
            self.failure = failure
        event = LocationEvent.STOP if failure.wants_stop else LocationEvent.REVIVAL_FAILED
        self._feed(event, failure.message)

    def on_died(self, process: LocationProcess, status: ExitStatus) -> None:
        """Feeds that the process that serves has died."""
        settings = self._context.settings
        if status.code == settings.no_restart_code:
            self._feed(LocationEvent.STOP, f"its process asked for it: {status.describe()}")
            return
        assert process.ready_at is not None
        lived = self._context.clock.monotonic() - process.ready_at
        self.current = None
        if lived > settings.restart_reset_after:
            self._backoff.reset()
        # a process that died so soon after it was ready would die again
        is_early = lived < settings.stable_after
        event = LocationEvent.DIED_EARLY if is_early else LocationEvent.DIED
        self._feed(event, f"its process died: {status.describe()}")

    def on_unhealthy(self) -> None:
        """Feeds that the process that serves does not answer pings."""
        self._feed(LocationEvent.UNHEALTHY, "its process does not answer pings")

    def on_template_ready(self) -> None:
        """The process that serves is no parent of forks, and one that may be can be had."""
        self._feed(LocationEvent.TEMPLATE_READY, "a fork of the template takes its place")

    # Effects

    def promote(
        self, process: LocationProcess, loaded: Generation
    ) -> tuple[LocationProcess | None, Generation | None]:
        """Has a new generation serve.

        Returns:
            The old process, which may end once its calls have, and the old generation.
        """
        loaded.number = next(self._numbers)
        loaded.ready_time = self._context.clock.time()
        before, self.generation = self.generation, loaded
        retired, self.current = self.current, process
        self.failure = None
        self._backoff.reset()
        return retired, before

    def revive(self) -> None:
        """Starts a successor."""
        good = self.generation
        assert good is not None
        if self.state is Serving.REVIVING:
            self.current = None
        self.successor = self._start_process(good.spec, good.sources())

    def adopt_successor(self) -> None:
        """Has the successor serve."""
        self.current, self.successor = self.successor, None
        self.failure = None
        if self.generation is not None:  # those of the process, not of the code
            self.generation.fork_obstacles = self._successor_obstacles

    def abort_successor(self) -> None:
        """Aborts the successor."""
        successor, self.successor = self.successor, None
        if successor:
            successor.abort()

    def arm_revival(self) -> None:
        """Arms the timer of the back-off; until then no process serves."""
        self.current = None
        delay = self._backoff.next_delay()
        self.retry_time = self._context.clock.time() + delay
        due = LocationEvent.REVIVAL_DUE
        self._timers.arm("revival", delay, self._feed, due, due.value)

    def disarm_revival(self) -> None:
        """Disarms that timer."""
        self._timers.disarm("revival")

    def end_serving(self) -> None:
        """Ends the process that serves."""
        current, self.current = self.current, None
        if current:
            current.abort()

    def forget_failure(self) -> None:
        """Drops the failure."""
        self.failure = None

    def forget_generation(self) -> None:
        """Drops the generation, so that nothing is served any more."""
        self.generation = None
