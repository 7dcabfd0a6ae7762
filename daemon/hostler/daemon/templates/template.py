"""The template of an environment: a process that has imported the third-party modules, and forks.

It is made in the background of what a load has told of its imports, and made anew when other loads
import more. One process is forked ahead of the next need: the spare.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Mapping, Sequence

from hostler.daemon.base.backoff import RespawnBackoff
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.processes.factory import ForkError, ProcessFactory
from hostler.daemon.processes.host_process import HostProcess
from hostler.daemon.templates.spare import Spares
from hostler.daemon.templates.template_builder import TemplateBuilder, UnfitTemplateError
from hostler.daemon.templates.template_processes import TemplateProcesses
from hostler.daemon.workspace.text.models import LocationSpec

#: How long a location that could load by itself waits for a first template, in loads of the scout:
#: what the scout has imported, and a little more, is what the template takes.
SIBLING_PATIENCE = 2.0

#: To make a template, where each before it has failed.
MOST_ATTEMPTS = 3

#: A template that died sooner than this after it was made is made again at the next load only.
SHORT_LIFE = 1.0


class Template:
    """The template of one environment, over all of its processes.

    Attributes:
        reason: why nothing is forked from it now; empty where it forks.
        spares: keeps the spare, and has the template compile ahead.
        processes: its processes, and what is forked from them.
    """

    def __init__(
        self,
        spec: LocationSpec,
        owner: str,
        factory: ProcessFactory,
        tasks: Tasks,
        on_made: Callable[[], None],
        is_busy: Callable[[], bool],
    ) -> None:
        """
        Args:
            on_made: told when it forks, each time that it was made.
            is_busy: whether others load now, so that what can wait should.
        """
        self.reason = "the template is being made"
        self._owner = owner
        self._tasks = tasks
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
        self.spares = Spares(self._next_owner, factory, tasks, self._builder.listener, is_busy)
        self.processes = TemplateProcesses(
            self.spares, factory, tasks, self._on_death, self._on_unresponsive
        )

    @property
    def excluded(self) -> Mapping[str, str]:
        """Why modules were left out, by top-level name."""
        return self._builder.excluded

    @property
    def files(self) -> tuple[str, ...]:
        """The sources of packages that it was made of."""
        return self._builder.files

    def learn(self, modules: Sequence[str], seconds: float) -> None:
        """Has it made, or made anew, where a load has imported what it has not.

        Args:
            modules: what a load imported, in its order.
            seconds: what the load took.
        """
        if self._is_retired:
            return
        self._builder.modules.update(dict.fromkeys(modules))
        if self._building is not None or not self._wants_more():
            return
        if not self.processes.is_up:
            self._made.clear()
            now = asyncio.get_running_loop().time()
            self._wait_until = now + SIBLING_PATIENCE * seconds
        self._building = self._tasks.start(self._build(), f"making of {self._owner}")

    @property
    def is_begun(self) -> bool:
        """Whether it was ever begun to be made of a whole load."""
        return bool(self._builder.modules) or self._building is not None or self._made.is_set()

    def remaining_wait(self) -> float:
        """Seconds that who needs it should still wait, while it is made for the first time."""
        if self.processes.is_up or self._building is None:
            return 0.0
        return max(0.0, self._wait_until - asyncio.get_running_loop().time())

    async def wait_for_template(self) -> None:
        """Waits while it is made for the first time; no longer than `SIBLING_PATIENCE` allows."""
        if self.remaining_wait():
            waiting = asyncio.ensure_future(self._made.wait())
            await asyncio.wait([waiting], timeout=self.remaining_wait())
            waiting.cancel()

    # Before anything is learned

    def start_preloader(self) -> None:
        """A first load has begun that others wait for: imports what it imports, beside it."""
        if not self._is_retired:
            self._builder.start_preloader()

    def preload(self, module: str) -> None:
        """The first load has begun to import a module."""
        self._builder.preload(module)

    def drop_preloader(self) -> None:
        """The first load has ended; where it was of no use, so is what followed it."""
        if self._building is None:
            self._builder.drop_preloader()

    def retire(self, reason: str) -> None:
        """Ends it; nothing is forked any more until `begin_anew`."""
        self._is_retired = True
        self.reason = reason
        self._give_up_work()
        self._made_of = None
        self._made.set()  # whoever waits does not any more
        self.processes.end()

    def begin_anew(self) -> None:
        """Learns again, of loads in the environment as it is now."""
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
        """Its processes have ended with the keeper."""
        self._give_up_work()
        self.processes.end()
        if not self._is_retired and self._builder.modules:
            self._begin_again("the template is being made")

    # Making

    def _wants_more(self) -> bool:
        """Whether loads have imported modules that the template lacks."""
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
            if self._building is asyncio.current_task():  # not one that was given up
                self._building = None
                self._made.set()

    def _fail(self, wanted: frozenset[str]) -> None:
        """It may have been for a passing reason: the next loads have it tried again."""
        self._failures += 1
        self._made_of = wanted if self._failures >= MOST_ATTEMPTS else None
        if self.processes.is_up:
            self.reason = ""  # the one before goes on

    def _install(self, made: HostProcess) -> None:
        self.processes.install(made)
        self.reason = ""
        self._made.set()
        self.spares.fork_from(made)
        self._on_made()

    def _on_unresponsive(self, error: ForkError) -> None:
        self._begin_again(f"the template is made anew: {error}")

    def _on_death(self, status: ExitStatus, lived: float) -> None:
        if lived < SHORT_LIFE:
            self.reason = f"there is no template: it died: {status.describe()}"
            self._made_of = None  # the next load has it made again: it may have been killed
        elif not self._is_retired:
            self._remake(f"the template is made anew: it died: {status.describe()}", lived)

    def _remake(self, reason: str, lived: float) -> None:
        loop = asyncio.get_running_loop()
        delay = self._respawn_backoff.delay(lived)
        self.reason = reason
        self._made_of = None

        def due() -> None:
            if not self.processes.is_up and self._building is None and not self._is_retired:
                self._begin_again(reason)

        if delay:
            loop.call_later(delay, due)
        else:
            due()

    def _next_owner(self) -> str:
        return f"{self._owner}.{next(self._numbers)}"
