"""The load region of a location: loads the newest code, and keeps why that has failed."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from hostler.daemon.base.backoff import Backoff
from hostler.daemon.base.text import join_names
from hostler.daemon.base.timers import Timers
from hostler.daemon.locations.debounce import Debounce
from hostler.daemon.state.location import LOAD, UNSETTLED, Load, LocationEffect, LocationEvent
from hostler.daemon.state.rules import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.loading.context import LocationContext
    from hostler.daemon.loading.failures import LoadFailure
    from hostler.daemon.loading.location_process import LocationProcess
    from hostler.daemon.locations.watched_files import WatchedFiles
    from hostler.daemon.state.fork_policy import ForkPolicy
    from hostler.daemon.workspace.text.models import LocationSpec

#: How many files a reason names: each change of a location is kept with its reason.
MOST_NAMED = 5


class LoadRegion:
    """Loads the newest code of a location; performs the effects of the table LOAD.

    Attributes:
        candidate: the process that loads; None if none does.
        failure: why the newest load failed, once the hold is over; None if it has not failed.
        retry_time: when the load is tried again, in seconds since the epoch; None before the first
            failure.
        causes: the changed paths and packages for which the next generation is made.
    """

    def __init__(
        self,
        context: LocationContext,
        watched: WatchedFiles,
        policy: ForkPolicy,
        start_process: Callable[[LocationSpec, bytes | None], LocationProcess],
        feed: Callable[[LocationEvent, str], None],
    ) -> None:
        """
        Args:
            start_process: starts a process that loads a specification, from disk or from sources.
            feed: feeds an event, with its reason, to both regions.
        """
        self.candidate: LocationProcess | None = None
        self.failure: LoadFailure | None = None
        self.retry_time: float | None = None
        self.causes: set[str] = set()
        self._context = context
        self._watched = watched
        self._policy = policy
        self._start_process = start_process
        self._feed = feed
        self._machine = Machine(LOAD, context.on_undeclared)
        self._loaded: Generation | None = None
        self._last_failure: LoadFailure | None = None
        self._backoff = Backoff(context.settings, random.random)
        self._timers = Timers(context.clock)
        self._debounce = Debounce(context.clock)
        #: Sources that the template has compiled; a fork does not report at once that it reads one.
        self._compiled: set[str] = set()
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def state(self) -> Load:
        """The present state of the table."""
        return self._machine.state

    def step(self, event: LocationEvent) -> tuple[LocationEffect, ...]:
        """Moves to the next state; returns the effects that have to be performed."""
        return self._machine.feed(event)

    def note_settled(self) -> None:
        """Wakes those who wait in `settled` if the load has settled; called after each event."""
        (self._settled.clear if self.state in UNSETTLED else self._settled.set)()

    async def settled(self) -> None:
        """Returns when no load is under way and the outcome of the last one is shown."""
        await self._settled.wait()

    # What happens

    def files_changed(self, paths: frozenset[str]) -> None:
        """Has the code loaded anew, since the content of watched files has changed."""
        self.causes |= paths
        self._policy.code_changed()
        if self.candidate and not self.candidate.has_begun:
            return  # the load has not begun, and will read the changed files
        self._debounce.note_change(paths)
        event = LocationEvent.FLOODED if self._debounce.is_flood() else LocationEvent.CHANGED
        was_debouncing = self.state is Load.DEBOUNCING
        self._feed(event, f"changed: {join_names(paths, MOST_NAMED)}")
        if self.state is Load.DEBOUNCING:
            self._compile_ahead(paths if was_debouncing else self._debounce.changed)

    def on_ready(self, process: LocationProcess, loaded: Generation) -> None:
        """Feeds that the candidate has loaded the code, unless that is outdated and not served."""
        is_fork = process.fork_decision.is_fork
        is_outdated = self.state is Load.OUTDATED
        self._debounce.note_load(loaded.seconds, is_fork=is_fork, is_outdated=is_outdated)
        if is_outdated and self._debounce.should_skip_outdated(loaded.seconds):
            self._feed(LocationEvent.PATIENCE_OVER, "its files go on changing")
        else:
            self._loaded = loaded
            self._feed(LocationEvent.LOADED, "loaded")

    def on_unfit(self, reason: str) -> None:
        """Feeds that the candidate is a fork, and a new interpreter has to load the code."""
        self.candidate = None
        self._feed(LocationEvent.UNFIT, f"a new interpreter is needed: {reason}")

    def on_failed(self, process: LocationProcess, failure: LoadFailure, *, is_first: bool) -> None:
        """Feeds that the candidate could not load the code.

        Args:
            is_first: whether there is no good generation whose files are watched.
        """
        self._debounce.note_failure()
        self._last_failure = failure
        self.candidate = None
        if is_first:
            self._watched.replace(process.attempt.files)
        else:  # the candidate may have died before it reported all files that it had read
            self._watched.add(process.attempt.files.items())
        if process.fork_decision.is_fork and not process.attempt.has_told_all:
            self._watched.add_unread(self._compiled)
        self._watched.watch_target(is_on=True)
        self._feed(LocationEvent.FAILED, failure.message)

    # Effects

    def start(self, spec: LocationSpec) -> None:
        """Starts a process that loads the code on disk."""
        self._timers.disarm("patience", "quiet", "hold", "retry")
        self._watched.watch_target(is_on=False)  # what the load itself writes is no change
        self.candidate = self._start_process(spec, None)

    def abort(self) -> None:
        """Aborts the load that is under way."""
        self._timers.disarm("patience", "quiet")
        candidate, self.candidate = self.candidate, None
        if candidate:
            candidate.abort()

    def hand_over(self) -> tuple[LocationProcess, Generation, set[str]]:
        """Returns the process that has loaded, its generation, and what has caused the load."""
        loaded, self._loaded = self._loaded, None
        candidate, self.candidate = self.candidate, None
        causes, self.causes = self.causes, set()
        assert loaded is not None
        assert candidate is not None
        self.forget_failure()
        self._backoff.reset()
        return candidate, loaded, causes

    def arm_patience(self) -> None:
        """Arms the timer that ends an outdated load."""
        patience = self._debounce.patience(is_fork=self._is_fork_next())
        self._arm("patience", patience, LocationEvent.PATIENCE_OVER)

    def arm_quiet_timer(self) -> None:
        """Arms the timer of the quiet period, and has the watch report further changes at once."""
        self._timers.disarm("hold")
        seconds = self._debounce.quiet_period(is_fork=self._is_fork_next())
        reason = f"{len(self._debounce.changed)} files changed"
        self._arm("quiet", seconds, LocationEvent.QUIET, reason)
        self._watched.reset_throttle()

    def arm_hold(self) -> None:
        """Arms the timer of the hold: a change before its end shows that it was half of a save."""
        failure = self._last_failure
        assert failure is not None
        event = LocationEvent.HOLD_OVER_FOR_GOOD if failure.permanent else LocationEvent.HOLD_OVER
        self._arm("hold", self._context.settings.failure_hold, event, failure.message)

    def show_failure(self) -> None:
        """Shows why the newest load failed."""
        self.failure = self._last_failure

    def forget_failure(self) -> None:
        """Drops the failure, whether it is shown or held."""
        self._timers.disarm("hold", "retry")
        self.failure = self._last_failure = None

    def arm_retry(self) -> None:
        """Arms the timer of the back-off, after which the load is tried again."""
        delay = self._backoff.next_delay()
        self.retry_time = self._context.clock.time() + delay
        self._arm("retry", delay, LocationEvent.RETRY_DUE)

    def reset_backoff(self) -> None:
        """Counts the next failure as a first one."""
        self._backoff.reset()

    def prepare_next(self, spec: LocationSpec, good: Generation | None) -> None:
        """Has the template compile the location's files, and fork a spare for the next load."""
        files = good.files if good else {}
        sources = [path for path in files if files[path] and path.endswith(".py")]
        self._compiled.update(sources)
        size = len(good.snapshot) if good else 0
        self._context.environments.prepare(spec, sources, size)

    def _compile_ahead(self, paths: Iterable[str]) -> None:
        """Has the template compile changed files, while the load waits for the quiet period."""
        sources = [path for path in paths if path.endswith(".py")]
        self._context.environments.compile_ahead(self._watched.spec, sources)

    def _is_fork_next(self) -> bool:
        """Returns whether the next load will be a fork, as far as that is known."""
        is_forbidden = self._watched.spec.fork == "never"
        return not self._policy.spawn_reason(is_forbidden=is_forbidden)

    def _arm(self, name: str, delay: float, event: LocationEvent, reason: str = "") -> None:
        self._timers.arm(name, delay, self._feed, event, reason or event.value)
