"""The template of an environment: a process that has imported the third-party modules, and forks.

It is made in the background, from the modules that loads report, and made anew when further loads
report more. One process is forked ahead of the next load: the spare.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Mapping, Sequence

from hostler.daemon.base.backoff import RespawnBackoff
from hostler.daemon.base.clock import Clock
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.processes.factory import ForkError, ProcessFactory
from hostler.daemon.processes.host_process import HostProcess
from hostler.daemon.templates.spare import Spares
from hostler.daemon.templates.template_builder import TemplateBuilder, UnfitTemplateError
from hostler.daemon.templates.template_processes import TemplateProcesses
from hostler.daemon.workspace.text.models import LocationSpec

#: How long a location that could load by itself waits for the first template, as a multiple of the
#: scout's load: the template imports what the scout has imported, and a little more.
SIBLING_PATIENCE = 2.0

#: How many attempts to make a template may fail, one after the other.
MOST_ATTEMPTS = 3

#: A template that dies within this many seconds is made again only at the next load.
SHORT_LIFE = 1.0


class ProcessTemplate:
    """The real Template: makes it of processes, and anew when it dies or lacks a module.

    Attributes:
        reason: why the template does not fork now; empty if it forks.
        spares: keeps the spare, and has the template compile files.
        processes: forks from the template.
    """

    def __init__(
        self,
        factory: ProcessFactory,
        tasks: Tasks,
        clock: Clock,
        spec: LocationSpec,
        owner: str,
        on_made: Callable[[], None],
        is_busy: Callable[[], bool],
    ) -> None:
        """
        Args:
            spec, owner, on_made, is_busy: see `TemplateFactory`.
        """
        self.reason = "the template is being made"
        self._owner = owner
        self._tasks = tasks
        self._clock = clock
        self._on_made = on_made
        self._numbers = itertools.count(1)
        self._made_of: frozenset[str] | None = None
        self._made = asyncio.Event()
        self._building: asyncio.Task[None] | None = None
        self._wait_until = 0.0
        self._failures = 0
        self._respawn_backoff = RespawnBackoff(factory.settings, random.random)
        self._is_retired = False
        self._builder = TemplateBuilder(spec, self._next_owner, factory, tasks)
        self.spares = Spares(
            self._next_owner, factory, tasks, clock, self._builder.listener, is_busy
        )
        self.processes = TemplateProcesses(
            self.spares, factory, tasks, clock, self._on_death, self._on_unresponsive
        )

    @property
    def excluded(self) -> Mapping[str, str]:
        """Why modules were left out, by top-level name."""
        return self._builder.excluded

    @property
    def files(self) -> tuple[str, ...]:
        """The source files of packages that the template has imported."""
        return self._builder.files

    def learn(self, modules: Sequence[str], seconds: float) -> None:
        """Makes the template, or makes it anew, if a load has imported modules that it lacks.

        Args:
            modules: the modules that the load imported, in its order.
            seconds: how long the load took.
        """
        if self._is_retired:
            return
        self._builder.modules.update(dict.fromkeys(modules))
        if self._building is not None or not self._wants_more():
            return
        if not self.processes.is_up:
            self._made.clear()
            now = self._clock.monotonic()
            self._wait_until = now + SIBLING_PATIENCE * seconds
        self._building = self._tasks.start(self._build(), f"making of {self._owner}")

    @property
    def is_begun(self) -> bool:
        """Whether a load has ever reported modules to make the template from."""
        return bool(self._builder.modules) or self._building is not None or self._made.is_set()

    def remaining_wait(self) -> float:
        """Returns how many more seconds a load should wait while the first template is made."""
        if self.processes.is_up or self._building is None:
            return 0.0
        return max(0.0, self._wait_until - self._clock.monotonic())

    async def wait_until_made(self) -> None:
        """Waits while the first template is made; no longer than `SIBLING_PATIENCE` allows."""
        if self.remaining_wait():
            waiting = asyncio.ensure_future(self._made.wait())
            await asyncio.wait([waiting], timeout=self.remaining_wait())
            waiting.cancel()

    # Before the first load has ended

    def start_preloader(self) -> None:
        """Starts the preloader, since a scout has begun to load."""
        if not self._is_retired:
            self._builder.start_preloader()

    def preload(self, module: str) -> None:
        """Has the preloader import a module that the scout has begun to import."""
        self._builder.preload(module)

    def drop_preloader(self) -> None:
        """Ends the preloader, unless the template is being made from it."""
        if self._building is None:
            self._builder.drop_preloader()

    def retire(self, reason: str) -> None:
        """Ends the template, which forks nothing any more until `forget_modules`.

        Args:
            reason: what `ps` shows.
        """
        self._is_retired = True
        self.reason = reason
        self._give_up_work()
        self._made_of = None
        self._made.set()  # nobody has to wait any more
        self.processes.end()

    def forget_modules(self) -> None:
        """Learns from the next loads, since the environment has changed."""
        self._is_retired = False
        self.reason = "the template is being made"
        self._builder.excluded.clear()
        self._builder.modules.clear()
        self.spares.forget_sources()
        self._made.clear()

    def _give_up_work(self) -> None:
        self.spares.stop()
        if self._building is not None:
            self._building.cancel()
            self._building = None
        self._builder.drop_preloader()

    def keeper_lost(self) -> None:
        """Makes the template anew, since its processes have ended with the keeper."""
        self._give_up_work()
        self.processes.end()
        if not self._is_retired and self._builder.modules:
            self._begin_again("the template is being made")

    # Making

    def _wants_more(self) -> bool:
        """Returns whether loads have imported modules that the template lacks."""
        return self._made_of is None or not self._builder.modules.keys() <= self._made_of

    def _begin_again(self, reason: str) -> None:
        self.reason = reason
        self._made_of = None
        self.processes.end()
        if self._building is None:
            self._building = self._tasks.start(self._build(), f"making of {self._owner}")

    async def _build(self) -> None:
        try:
            while True:
                wanted = frozenset(self._builder.modules)
                try:
                    made = await self._builder.make()
                except UnfitTemplateError as error:
                    self.reason = str(error)
                    self._fail(wanted)
                    return
                self._made_of, self._failures = wanted, 0
                self._install(made)
                if not self._wants_more():
                    return
        finally:
            if self._building is asyncio.current_task():  # else this one was given up
                self._building = None
                self._made.set()

    def _fail(self, wanted: frozenset[str]) -> None:
        """Notes that no template could be made; a next load tries again, as the reason may pass."""
        self._failures += 1
        self._made_of = wanted if self._failures >= MOST_ATTEMPTS else None
        if self.processes.is_up:
            self.reason = ""  # the template of before goes on

    def _install(self, made: HostProcess) -> None:
        self.processes.install(made)
        self.reason = ""
        self._made.set()
        self.spares.fork_from(made)
        self._on_made()

    def _on_unresponsive(self, error: ForkError) -> None:
        if not self._is_retired:
            self._begin_again(f"the template is made anew: {error}")

    def _on_death(self, status: ExitStatus, lived: float) -> None:
        if lived < SHORT_LIFE:
            self.reason = f"there is no template: it died: {status.describe()}"
            self._made_of = None  # the next load has it made again: it may have been killed
        elif not self._is_retired:
            self._remake(f"the template is made anew: it died: {status.describe()}", lived)

    def _remake(self, reason: str, lived: float) -> None:
        delay = self._respawn_backoff.delay(lived)
        self.reason = reason
        self._made_of = None

        def due() -> None:
            if not self.processes.is_up and self._building is None and not self._is_retired:
                self._begin_again(reason)

        if delay:
            self._clock.call_later(delay, due)
        else:
            due()

    def _next_owner(self) -> str:
        return f"{self._owner}.{next(self._numbers)}"
