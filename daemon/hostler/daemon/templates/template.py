"""The template of an environment: a process that has imported the third-party modules, and forks.

It is made in the background of what a load has told of its imports, and made anew when other loads
import more. One process is forked ahead of the next need: the spare.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Collection, Mapping, Sequence

from hostler.daemon.base.backoff import RespawnBackoff
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.processes.factory import ForkError, ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.daemon.templates.spare import Spares
from hostler.daemon.templates.template_builder import TemplateBuilder, UnfitTemplateError
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
        forks: processes that were forked from it for locations, workers and runs.
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
        self.forks = 0
        self._owner = owner
        self._factory = factory
        self._tasks = tasks
        self._on_made = on_made
        self._numbers = itertools.count(1)
        self._made_of: frozenset[str] | None = None
        self._process: HostProcess | None = None
        self._made = asyncio.Event()
        self._building: asyncio.Task[None] | None = None
        self._wait_until = 0.0
        self._failures = 0
        self._respawn_backoff = RespawnBackoff(factory.settings, random.random)
        self._late_forks = 0
        self._is_retired = False
        self._builder = TemplateBuilder(spec, self._next_owner, factory, tasks)
        self._spares = Spares(self._next_owner, factory, tasks, self._builder.listener, is_busy)

    @property
    def excluded(self) -> Mapping[str, str]:
        """Why modules were left out, by top-level name."""
        return self._builder.excluded

    @property
    def files(self) -> tuple[str, ...]:
        """The sources of packages that it was made of."""
        return self._builder.files

    @property
    def pids(self) -> list[int]:
        """Its process and the spare."""
        return [pid for pid in (self.pid, self.spare_pid) if pid]

    @property
    def pid(self) -> int:
        """Its process; 0 where there is none."""
        return self._process.pid if self._process else 0

    @property
    def spare_pid(self) -> int:
        """The process that waits for the next need; 0 where there is none."""
        return self._spares.pid

    @property
    def can_fork(self) -> bool:
        """Whether there is something to take; a spare outlives what it was forked from."""
        return self._process is not None or self.spare_pid != 0

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
        if self._process is None:
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
        if self._process is not None or self._building is None:
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

    # What is forked

    async def fork(self, owner: str, listener: Listener) -> HostProcess | None:
        """A fork that has not loaded yet; None where it cannot be had."""
        spare = self._spares.take()
        if spare is not None:
            self._factory.reassign(spare, owner, listener)
            return self._count(spare)
        if self._process is None:
            return None
        try:
            forked = await self._factory.fork(self._process, owner, listener)
        except ForkError as error:
            self._late_forks += 1
            if self._late_forks > 1:  # the first time the machine may have been busy
                self._begin_again(f"the template is made anew: {error}")
            return None
        self._late_forks = 0
        return self._count(forked)

    def _count(self, forked: HostProcess) -> HostProcess:
        forked.is_template_fork = True
        self.forks += 1
        return forked

    def prepare(self, sources: Collection[str], size: int = 0) -> None:
        """After a load; see `Spares.prepare`."""
        self._spares.prepare(sources, size)

    def compile_ahead(self, sources: Collection[str]) -> None:
        """Before a load; see `Spares.compile_ahead`."""
        self._spares.compile_ahead(sources)

    def retire(self, reason: str) -> None:
        """Ends it; nothing is forked any more until `begin_anew`."""
        self._is_retired = True
        self.reason = reason
        self._give_up_work()
        self._made_of = None
        self._made.set()  # whoever waits does not any more
        self._end_processes()

    def begin_anew(self) -> None:
        """Learns again, of loads in the environment as it is now."""
        self._is_retired = False
        self.reason = "the template is being made"
        self._builder.excluded.clear()
        self._builder.modules.clear()
        self._spares.forget_sources()
        self._made.clear()

    def _give_up_work(self) -> None:
        self._spares.stop()
        if self._building is not None:
            self._building.cancel()
            self._building = None
        self._builder.drop_preloader()

    def keeper_lost(self) -> None:
        """Its processes have ended with the keeper."""
        self._give_up_work()
        self._end_processes()
        if not self._is_retired and self._builder.modules:
            self._begin_again("the template is being made")

    # Making

    def _wants_more(self) -> bool:
        """Whether loads have imported modules that the template lacks."""
        return self._made_of is None or not self._builder.modules.keys() <= self._made_of

    def _begin_again(self, reason: str) -> None:
        self.reason = reason
        self._made_of = None
        self._end_processes()
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
        if self._process is not None:
            self.reason = ""  # the one before goes on

    def _install(self, made: HostProcess) -> None:
        self._end_processes()
        self._process = made
        self.reason = ""
        born = asyncio.get_running_loop().time()
        made.exit.add_done_callback(lambda _: self._on_death(made, born))
        self._made.set()
        self._spares.fork_from(made)
        self._on_made()

    def _on_death(self, died: HostProcess, born: float) -> None:
        status = died.exit.result()
        self._tasks.start(self._factory.kill(died), f"end of {died.owner}")
        if self._process is not died:
            return
        self._process = None
        self._spares.template_died()
        if status.keeper_died:
            return  # keeper_lost() follows
        if asyncio.get_running_loop().time() - born < SHORT_LIFE:
            self.reason = f"there is no template: it died: {status.describe()}"
            self._made_of = None  # the next load has it made again: it may have been killed
        elif not self._is_retired:
            self._remake(f"the template is made anew: it died: {status.describe()}", born)

    def _remake(self, reason: str, born: float) -> None:
        loop = asyncio.get_running_loop()
        delay = self._respawn_backoff.delay(loop.time() - born)
        self.reason = reason
        self._made_of = None

        def due() -> None:
            if self._process is None and self._building is None and not self._is_retired:
                self._begin_again(reason)

        if delay:
            loop.call_later(delay, due)
        else:
            due()

    def _end_processes(self) -> None:
        self._spares.fork_from(None)
        process, self._process = self._process, None
        if process is not None:
            self._tasks.start(self._factory.kill(process), f"end of {process.owner}")

    def _next_owner(self) -> str:
        return f"{self._owner}.{next(self._numbers)}"
