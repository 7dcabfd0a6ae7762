"""One environment: its template, its packages, and the loads that are under way in it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hostler.daemon.state.fork_policy import TemplateFacts
from hostler.daemon.templates.packages import Packages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from hostler.daemon.base.clock import Clock, Timer
    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.templates.template import TemplateFactory
    from hostler.daemon.watching.watcher import Watch, Watcher
    from hostler.daemon.workspace.text.models import LocationSpec

#: An installer writes for a while: the locations are loaded anew this long after its last change.
INSTALL_SECONDS = 0.5

#: How long a fork may load before a new interpreter is tried: a fork loads in some 10 ms, but may
#: meet a lock that no new interpreter meets, or the code may do more at import than before.
FORK_PATIENCE_SECONDS = 5.0

#: The same, as a multiple of the longest load in the environment.
FORK_PATIENCE_FACTOR = 4.0

#: How long other loads wait for a scout that imports nothing more: it may sleep for ever.
SCOUT_SECONDS = 1.0

#: How long after the last of several loads the template does what had to wait.
IDLE_SECONDS = 0.05

#: While a load is younger than this, the template only forks; all else waits.
BUSY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class EnvironmentContext:
    """Holds what all environments of a daemon share."""

    factory: ProcessFactory
    make_template: TemplateFactory
    tasks: Tasks
    journal: Journal
    watcher: Watcher
    clock: Clock


class Scout:
    """Stands for the first load of an environment, from which the template learns its modules.

    Attributes:
        owner: the owner of the process that loads.
        deadline: until when other loads wait for it, by the clock.
        ended: set when the load has succeeded or failed.
    """

    def __init__(self, owner: str, deadline: float) -> None:
        self.owner = owner
        self.deadline = deadline
        self.ended = asyncio.Event()


class Environment:
    """Keeps one environment's template, as long as any location uses the environment.

    Attributes:
        template: the environment's template.
    """

    def __init__(
        self,
        context: EnvironmentContext,
        executable: str,
        spec: LocationSpec,
        owner: str,
        on_packages_changed: Callable[[str], None],
    ) -> None:
        """
        Args:
            spec: the first location that uses the environment.
            owner: the owner of the template's processes.
            on_packages_changed: called with what has changed, once an installer has ended.
        """
        self.template = context.make_template(spec, owner, self._start_watch, self._is_busy)
        self._context = context
        self._executable = executable
        self._on_packages_changed = on_packages_changed
        self._packages = Packages()
        self._watch: Watch | None = None
        self._scout: Scout | None = None
        #: When each load under way began, by the owner of its process.
        self._loading: dict[str, float] = {}
        #: How long the longest load has taken so far.
        self._load_seconds = 0.0
        #: Until when a load may begin that waits for a quiet period.
        self._load_expected_by = 0.0
        #: Has the template do what had to wait for loads.
        self._idle_timer: Timer | None = None
        #: Has the locations loaded anew; armed while an installer writes.
        self._install_timer: Timer | None = None
        self._is_dropped = False

    # Loads under way

    @property
    def is_template_coming(self) -> bool:
        """Whether loads should wait: for the scout, or while the template is made from it."""
        now = self._context.clock.monotonic()
        has_scout = self._scout is not None and now < self._scout.deadline
        return has_scout or self.template.remaining_wait() > 0

    async def wait_for_template(self) -> None:
        """Waits for the scout, and for the template that is made from it.

        Waits for no scout that has stopped importing, and for the template no longer than it takes
        to import what the scout has imported.
        """
        while (scout := self._scout) is not None:
            left = scout.deadline - self._context.clock.monotonic()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await scout.ended.wait()
        await self.template.wait_until_made()

    def is_loading(self, owner: str) -> bool:
        """Returns whether the process of this owner loads now."""
        return owner in self._loading

    def load_started(self, owner: str) -> None:
        """Notes that a process of a location is about to start and load."""
        self._loading[owner] = self._context.clock.monotonic()

    def load_ended(self, owner: str) -> None:
        """Notes that a load has ended; does nothing if it is none of this environment."""
        if self._loading.pop(owner, None) is None:
            return
        if self._scout is not None and self._scout.owner == owner:
            self._end_scout()
            # `learn` may still come in this turn of the loop
            asyncio.get_running_loop().call_soon(self._drop_preloader)
        if not self._loading:  # the answers are read first
            self.prepare_later(IDLE_SECONDS)

    def send_scout(self, owner: str) -> Callable[[str], None] | None:
        """Makes this load the scout: others wait for it, and a preloader imports what it imports.

        Returns:
            What has to be called with each module that it imports; None if no scout is needed.
        """
        if self.template.is_begun or self._scout is not None:
            return None  # there is one scout at a time, also if it never ends
        clock = self._context.clock
        scout = self._scout = Scout(owner, clock.monotonic() + SCOUT_SECONDS)
        self.template.start_preloader()

        def on_import(module: str) -> None:
            scout.deadline = clock.monotonic() + SCOUT_SECONDS
            self.template.preload(module)

        return on_import

    def learn(self, body: Mapping[str, Any], seconds: float) -> None:
        """Has the template import the modules that a successful load has imported.

        Args:
            body: the answer to LOAD.
            seconds: how long the load took, from the order to ready.
        """
        self._load_seconds = max(self._load_seconds, seconds)
        if self._install_timer is not None:
            return  # the packages are being changed
        if self._packages.learn(body["packages"]):
            self._start_watch()
        self.template.learn(body["imports"], seconds)
        if self._scout is not None:  # another load may be ready before the scout
            self._end_scout()

    def _end_scout(self) -> None:
        if self._scout is not None:
            self._scout.ended.set()
            self._scout = None

    def _drop_preloader(self) -> None:
        """Drops the preloader of a scout that has ended, unless another scout has begun."""
        if self._scout is None:
            self.template.drop_preloader()

    def fork_patience(self) -> float:
        """Returns how many seconds a fork may load before a new interpreter is tried."""
        return max(FORK_PATIENCE_SECONDS, FORK_PATIENCE_FACTOR * self._load_seconds)

    # What the template does between loads

    @property
    def template_facts(self) -> TemplateFacts:
        """Whether the template can fork now."""
        template = self.template
        return TemplateFacts(template.is_begun, template.processes.can_fork, template.reason)

    def prepare_later(self, delay: float) -> None:
        """Has the template prepare itself after a delay, unless a process loads, or soon will."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._idle_timer = self._context.clock.call_later(delay, self._prepare_if_idle)

    def compile_ahead(self, sources: Collection[str]) -> None:
        """Has the template compile files for a load that begins soon."""
        self._load_expected_by = self._context.clock.monotonic() + IDLE_SECONDS
        self.template.spares.compile_ahead(sources)

    def _is_busy(self) -> bool:
        """Returns whether any load under way is young: an old one may sleep at import."""
        now = self._context.clock.monotonic()
        return any(now - began < BUSY_SECONDS for began in self._loading.values())

    def _prepare_if_idle(self) -> None:
        self._idle_timer = None
        left = self._load_expected_by - self._context.clock.monotonic()
        if left > 0:
            self.prepare_later(left)
        elif not self._loading:
            self.template.spares.prepare(())

    # Its packages

    def _start_watch(self) -> None:
        self._context.tasks.start(self._watch_packages(), f"packages of {self._executable}")

    async def _watch_packages(self) -> None:
        """Watches the files that the template has imported, and those that an installer writes."""
        packages = self._packages
        files = await asyncio.to_thread(packages.files, self.template.files)
        if self._is_dropped or self._packages is not packages or self._install_timer is not None:
            return
        if self._watch is None:
            self._watch = self._context.watcher.watch(
                files, self._on_files_changed, packages.patterns()
            )
        else:
            self._watch.replace(files, packages.patterns())

    def _on_files_changed(self, paths: frozenset[str]) -> None:
        """Retires the template, and has the locations loaded anew once the installer has ended."""
        what = self._packages.describe(paths)
        self._context.journal.info("packages changed", executable=self._executable, what=what)
        self.template.retire(f"packages have changed: {what}")
        if self._install_timer is not None:
            self._install_timer.cancel()

        def installed() -> None:
            self._install_timer = None
            self._packages = Packages()
            self.template.forget_modules()
            self._on_packages_changed(what)

        self._install_timer = self._context.clock.call_later(INSTALL_SECONDS, installed)

    def drop(self) -> None:
        """Ends the template and the watch, since no location uses the environment any more."""
        self._is_dropped = True
        for timer in (self._install_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        if self._watch is not None:
            self._watch.close()
        self.template.retire("no location needs it")
