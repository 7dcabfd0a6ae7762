"""The template of an environment: a process that has imported the third-party modules, and forks.

It is made in the background of what a load has told of its imports, and made anew when other loads
import more. One process is forked ahead of the next need: the spare.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable, Collection, Sequence

from hostler.daemon.base.backoff import RespawnBackoff
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.launching.launcher import SpawnError
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import ForkError, ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener, Stream
from hostler.daemon.templates.preloader import Preloader, preload
from hostler.daemon.templates.spare import Spares
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import WireError

#: Importing what a load has imported cannot take much longer than the load.
PRELOAD_SECONDS = 60.0

#: How long a location that could load by itself waits for a first template, in loads of the scout:
#: what the scout has imported, and a little more, is what the template takes.
SIBLING_PATIENCE = 2.0

#: Each is begun again without one module that forks do not bear.
MOST_TRIES = 20

#: To make a template, where each before it has failed.
MOST_ATTEMPTS = 3

#: A template that died sooner than this after it was made is made again at the next load only.
SHORT_LIFE = 1.0


class Template:
    """The template of one environment, over all of its processes.

    Attributes:
        reason: why nothing is forked from it now; empty where it forks.
        excluded: why modules were left out, by top-level name.
        files: the sources of packages that it was made of.
        forks: processes that were forked from it for locations, workers and runs.
    """

    def __init__(
        self,
        spec: LocationSpec,
        owner: str,
        factory: ProcessFactory,
        tasks: Tasks,
        on_made: Callable[[], None],
        is_rush: Callable[[], bool],
    ) -> None:
        """
        Args:
            on_made: told when it forks, each time that it was made.
            is_rush: whether others load now, so that what can wait should.
        """
        self.reason = "the template is being made"
        self.excluded: dict[str, str] = {}
        self.files: tuple[str, ...] = ()
        self.forks = 0
        self._spec = spec
        self._owner = owner
        self._factory = factory
        self._tasks = tasks
        self._on_made = on_made
        self._numbers = itertools.count(1)
        self._modules: dict[str, None] = {}
        self._made_of: frozenset[str] | None = None
        self._process: HostProcess | None = None
        self._preloader: Preloader | None = None
        self._made = asyncio.Event()
        self._building: asyncio.Task[None] | None = None
        self._patience_until = 0.0
        self._failures = 0
        self._respawn_backoff = RespawnBackoff(factory.settings, random.random)
        self._late_forks = 0
        self._is_retired = False
        self._lines: deque[str] = deque(maxlen=factory.settings.failure_lines)
        self._listener = Listener(self._on_line, lambda _: None)
        self._spares = Spares(self._next_owner, factory, tasks, self._listener, is_rush)

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
        self._modules.update(dict.fromkeys(modules))
        if self._building is not None or not self._wants_more():
            return
        if self._process is None:
            self._made.clear()
            now = asyncio.get_running_loop().time()
            self._patience_until = now + SIBLING_PATIENCE * seconds
        self._building = self._tasks.start(self._build(), f"making of {self._owner}")

    @property
    def is_begun(self) -> bool:
        """Whether it was ever begun to be made of a whole load."""
        return bool(self._modules) or self._building is not None or self._made.is_set()

    def patience(self) -> float:
        """Seconds that who needs it should still wait, while it is made for the first time."""
        if self._process is not None or self._building is None:
            return 0.0
        return max(0.0, self._patience_until - asyncio.get_running_loop().time())

    async def settled(self) -> None:
        """Waits while it is made for the first time; no longer than `SIBLING_PATIENCE` allows."""
        if self.patience():
            waiting = asyncio.ensure_future(self._made.wait())
            await asyncio.wait([waiting], timeout=self.patience())
            waiting.cancel()

    # Before anything is learned

    def start_preloader(self) -> None:
        """A first load has begun that others wait for: imports what it imports, beside it."""
        if self._preloader is None and not self._is_retired:
            owner = self._next_owner()
            self._preloader = Preloader(
                self._spec, owner, self._factory, self._tasks, self._listener
            )

    def follow(self, module: str) -> None:
        """The first load has begun to import a module."""
        if self._preloader is not None:
            self._preloader.follow(module)

    def drop_preloader(self) -> None:
        """The first load has ended; where it was of no use, so is what followed it."""
        if self._preloader is not None and self._building is None:
            self._preloader.drop()
            self._preloader = None

    def _give_up(self, host: HostProcess | None) -> None:
        if host is not None:
            self._tasks.start(self._factory.kill(host), f"end of {host.owner}")

    async def _take_preloaded(self) -> HostProcess | None:
        ahead, self._preloader = self._preloader, None
        if ahead is None:
            return None
        if not ahead.modules <= self._modules.keys():  # something was only looked for
            ahead.drop()
            return None
        return await ahead.taken()

    # What is forked

    async def fork(self, owner: str, listener: Listener) -> HostProcess | None:
        """A fork that has not loaded yet; None where it cannot be had."""
        spare = self._spares.take()
        if spare is not None:
            self._factory.hand_over(spare, owner, listener)
            return self._counted(spare)
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
        return self._counted(forked)

    def _counted(self, forked: HostProcess) -> HostProcess:
        forked.of_template = True
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
        self.excluded.clear()
        self._modules.clear()
        self._spares.forget()
        self._made.clear()

    def _give_up_work(self) -> None:
        self._spares.stop()
        if self._building is not None:
            self._building.cancel()
        if self._preloader is not None:
            self._preloader.drop()
        self._building = self._preloader = None

    def keeper_lost(self) -> None:
        """Its processes have ended with the keeper."""
        self._give_up_work()
        self._end_processes()
        if not self._is_retired and self._modules:
            self._begin_again("the template is being made")

    # Making

    def _wants_more(self) -> bool:
        """Whether something was learned that it was not made of."""
        return self._made_of is None or not self._modules.keys() <= self._made_of

    def _begin_again(self, reason: str) -> None:
        self.reason = reason
        self._made_of = None
        self._end_processes()
        if self._building is None:
            self._building = self._tasks.start(self._build(), f"making of {self._owner}")

    async def _build(self) -> None:
        try:
            while True:
                wanted = frozenset(self._modules)
                made = await self._make()
                if made is None:
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

    async def _make(self) -> HostProcess | None:
        """A process that has imported all that forks bear; None where there cannot be one."""
        for _ in range(MOST_TRIES):
            made, unsafe = await self._try()
            if unsafe is None:
                return made
            module, reason = unsafe["module"], unsafe["reason"]
            if not module or module in self.excluded:
                self.reason = f"there is no template: {module or 'the process'}: {reason}"
                return None
            self.excluded[module] = reason
        self.reason = f"there is no template: more than {MOST_TRIES} modules do not bear a fork"
        return None

    async def _try(self) -> tuple[HostProcess | None, dict[str, str] | None]:
        """A process, or why it is of no use: {"module", "reason"}."""
        self._lines.clear()
        host = None
        try:
            async with asyncio.timeout(PRELOAD_SECONDS):
                host = await self._take_preloaded()
                if host is None:
                    host = await self._factory.spawn(
                        self._spec, self._next_owner(), self._listener, is_template=True
                    )
                await host.greeted()
                answer = await preload(host, list(self._modules), list(self.excluded), is_last=True)
        except BaseException as error:
            self._give_up(host)
            if isinstance(error, (SpawnError, ChannelClosedError, RemoteError, WireError)):
                last = f" ({self._lines[-1]})" if self._lines else ""
                return None, {"module": "", "reason": f"it ended: {error}{last}"}
            if isinstance(error, TimeoutError):
                reason = f"its imports took longer than {PRELOAD_SECONDS:g} s"
                return None, {"module": "", "reason": reason}
            raise
        if "unsafe" in answer:
            self._give_up(host)
            return None, answer["unsafe"]
        self.files = tuple(answer["files"])
        return host, None

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
        self._give_up(process)

    def _next_owner(self) -> str:
        return f"{self._owner}.{next(self._numbers)}"

    def _on_line(self, _stream: Stream, text: str, _pid: int) -> None:
        self._lines.append(text)
