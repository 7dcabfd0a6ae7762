"""One environment: its template, its packages, and the loads that go on in it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hostler.daemon.state.fork_policy import TemplateFacts
from hostler.daemon.templates.packages import Packages
from hostler.daemon.templates.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.watching.watcher import Watch, Watcher
    from hostler.daemon.workspace.text.models import LocationSpec

#: An installer writes for a while: this long after its last change the locations are loaded anew.
INSTALL_SECONDS = 0.5

#: What a fork has to load in before a new interpreter is tried: one loads in some 10 ms, but it may
#: meet a lock that no new interpreter does, or the code may have come to do more at import.
FORK_PATIENCE_SECONDS = 5.0

#: The same, in the longest load of the environment.
FORK_PATIENCE_FACTOR = 4.0

#: How long the others wait for a first load that imports nothing more: it may sleep for ever.
SCOUT_SECONDS = 1.0

#: After the last load of several, the template does what had to wait.
IDLE_SECONDS = 0.05

#: Loads that take no longer have the template fork and do nothing else meanwhile.
BUSY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class EnvironmentContext:
    """What every environment of a daemon shares."""

    factory: ProcessFactory
    tasks: Tasks
    journal: Journal
    watcher: Watcher


class Scout:
    """The first load of an environment, of which the template is learned.

    Attributes:
        owner: of its process.
        deadline: until when the others wait for it, by the loop's clock.
        ended: set when the load is over, whether well or not.
    """

    def __init__(self, owner: str, deadline: float) -> None:
        self.owner = owner
        self.deadline = deadline
        self.ended = asyncio.Event()


class Environment:
    """One environment, from the first location that has it to the last.

    Attributes:
        template: of the environment.
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
            spec: of the first location that has it.
            owner: of the template's processes.
            on_packages_changed: called with what has changed when an installer has ended.
        """
        self.template = Template(
            spec, owner, context.factory, context.tasks, self._start_watch, self._is_busy
        )
        self._context = context
        self._executable = executable
        self._on_packages_changed = on_packages_changed
        self._packages = Packages()
        self._watch: Watch | None = None
        self._scout: Scout | None = None
        #: When they began, by the owners of processes that load.
        self._loading: dict[str, float] = {}
        #: Of the longest load so far.
        self._load_seconds = 0.0
        #: A load that waits for files to rest begins by then.
        self._load_expected_by = 0.0
        #: What other loads left undone is done when this comes.
        self._idle_timer: asyncio.TimerHandle | None = None
        #: The locations are loaded anew when this comes.
        self._install_timer: asyncio.TimerHandle | None = None
        self._is_dropped = False

    # Loads that go on

    @property
    def is_template_coming(self) -> bool:
        """Whether a first load goes on that others wait for, or the template is made of it."""
        now = asyncio.get_running_loop().time()
        has_scout = self._scout is not None and now < self._scout.deadline
        return has_scout or self.template.remaining_wait() > 0

    async def wait_for_template(self) -> None:
        """Waits for the first load, and for the template that comes of it.

        No longer than the first load took, and not for one that does not get on.
        """
        while (scout := self._scout) is not None:
            left = scout.deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await scout.ended.wait()
        await self.template.wait_for_template()

    def is_loading(self, owner: str) -> bool:
        """Whether the process of this owner loads now."""
        return owner in self._loading

    def load_started(self, owner: str) -> None:
        """A process of a location is about to be started, and to load."""
        self._loading[owner] = asyncio.get_running_loop().time()

    def load_ended(self, owner: str) -> None:
        """The load is over, whether well or not; nothing where it is none of this environment."""
        if self._loading.pop(owner, None) is None:
            return
        if self._scout is not None and self._scout.owner == owner:
            self._end_scout()
            # what it has imported may be learned from it in this turn
            asyncio.get_running_loop().call_soon(self._drop_preloader)
        if not self._loading:  # what was left undone meanwhile, once the answers are read
            self.prepare_later(IDLE_SECONDS)

    def send_scout(self, owner: str) -> Callable[[str], None] | None:
        """Has the other loads wait for this one, while the template imports what it imports.

        Returns:
            To be told of its imports; None where no load has to wait.
        """
        if self.template.is_begun or self._scout is not None:
            return None  # one that goes on without end is waited for once
        loop = asyncio.get_running_loop()
        scout = self._scout = Scout(owner, loop.time() + SCOUT_SECONDS)
        self.template.start_preloader()

        def on_import(module: str) -> None:
            scout.deadline = loop.time() + SCOUT_SECONDS
            self.template.preload(module)

        return on_import

    def learn(self, body: Mapping[str, Any], seconds: float) -> None:
        """Has the template import what a process has imported that has loaded.

        Args:
            body: the answer to LOAD.
            seconds: from its order to ready.
        """
        self._load_seconds = max(self._load_seconds, seconds)
        if self._install_timer is not None:
            return  # the packages are being changed
        if self._packages.learn(body["packages"]):
            self._start_watch()
        self.template.learn(body["imports"], seconds)
        if self._scout is not None:  # it need not be the first one that is ready
            self._end_scout()

    def _end_scout(self) -> None:
        if self._scout is not None:
            self._scout.ended.set()
            self._scout = None

    def _drop_preloader(self) -> None:
        """A first load has ended; unless another has begun, nobody needs what followed it."""
        if self._scout is None:
            self.template.drop_preloader()

    def fork_patience(self) -> float:
        """Seconds that a fork has to load in before a new interpreter is tried."""
        return max(FORK_PATIENCE_SECONDS, FORK_PATIENCE_FACTOR * self._load_seconds)

    # What the template does between loads

    @property
    def template_facts(self) -> TemplateFacts:
        """What can be had from the template now."""
        template = self.template
        return TemplateFacts(template.is_begun, template.processes.can_fork, template.reason)

    def prepare_later(self, delay: float) -> None:
        """Has what was left undone done after a while, if no process loads or is about to then."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._idle_timer = asyncio.get_running_loop().call_later(delay, self._prepare_if_idle)

    def compile_ahead(self, sources: Collection[str]) -> None:
        """Has files compiled that the next load will read, which is about to begin."""
        self._load_expected_by = asyncio.get_running_loop().time() + IDLE_SECONDS
        self.template.spares.compile_ahead(sources)

    def _is_busy(self) -> bool:
        """Whether a process loads, and not one that has slept at import for a while."""
        now = asyncio.get_running_loop().time()
        return any(now - began < BUSY_SECONDS for began in self._loading.values())

    def _prepare_if_idle(self) -> None:
        self._idle_timer = None
        left = self._load_expected_by - asyncio.get_running_loop().time()
        if left > 0:
            self.prepare_later(left)
        elif not self._loading:
            self.template.spares.prepare(())

    # Its packages

    def _start_watch(self) -> None:
        self._context.tasks.start(self._watch_packages(), f"packages of {self._executable}")

    async def _watch_packages(self) -> None:
        """Watches what a template was made of, and what an installer writes."""
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
        """Forks nothing any more, and loads anew when the installer has ended."""
        what = self._packages.describe(paths)
        self._context.journal.info("packages changed", executable=self._executable, what=what)
        self.template.retire(f"packages have changed: {what}")
        if self._install_timer is not None:
            self._install_timer.cancel()

        def installed() -> None:
            self._install_timer = None
            self._packages = Packages()
            self.template.begin_anew()
            self._on_packages_changed(what)

        self._install_timer = asyncio.get_running_loop().call_later(INSTALL_SECONDS, installed)

    def drop(self) -> None:
        """Ends the template and watches nothing any more: no location has the environment."""
        self._is_dropped = True
        for timer in (self._install_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        if self._watch is not None:
            self._watch.close()
        self.template.retire("no location needs it")
