"""A template without a process of its own: a test says when it is made, and whether it forks."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.processes.host_process import HostProcess, Listener
    from hostler.daemon.workspace.text.models import LocationSpec

_IS_BEING_MADE = "the template is being made"


class FakeForkSource:
    """Spawns processes that are taken for forks.

    Attributes:
        forks: how many processes were made.
        can_fork: whether the template is made.
        refuses: whether `fork` returns None, as when a process does not answer.
    """

    def __init__(self, factory: ProcessFactory, spec: LocationSpec) -> None:
        self.forks = 0
        self.can_fork = False
        self.refuses = False
        self._factory = factory
        self._spec = spec

    @property
    def pid(self) -> int:
        return 0

    @property
    def spare_pid(self) -> int:
        return 0

    @property
    def pids(self) -> list[int]:
        return []

    async def fork(self, owner: str, listener: Listener) -> HostProcess | None:
        if not self.can_fork or self.refuses:
            return None
        host = await self._factory.spawn(self._spec, owner, listener, is_template=True)
        await host.wait_for_hello()
        host.is_template_fork = True
        self.forks += 1
        return host


class FakeLoadPreparer:
    """Remembers what it was asked to prepare.

    Attributes:
        prepared: the arguments of each `prepare`.
        compiled: the sources of each `compile_ahead`.
    """

    def __init__(self) -> None:
        self.prepared: list[tuple[Collection[str], int]] = []
        self.compiled: list[Collection[str]] = []

    def prepare(self, sources: Collection[str], size: int = 0) -> None:
        self.prepared.append((sources, size))

    def compile_ahead(self, sources: Collection[str]) -> None:
        self.compiled.append(sources)


class FakeTemplate:
    """A Template that a test makes, and has fail.

    Attributes:
        reason: why the template does not fork now; empty if it forks.
        processes: makes what is taken for forks.
        spares: remembers what it was asked to prepare.
        excluded: always empty, unless the test says otherwise.
        files: the source files of packages that the template has imported, as the test says.
        owner: the owner of the template's processes.
        is_busy: returns whether processes load now.
        modules: what loads have imported.
        preloaded: what the scout has imported since `start_preloader`; None without a preloader.
        is_retired: whether the template was ended.
        makes_itself: whether the template is made as soon as it has learned from a load.
        wait: how many seconds loads should wait while the first template is made.
    """

    def __init__(
        self,
        factory: ProcessFactory,
        spec: LocationSpec,
        owner: str,
        on_made: Callable[[], None],
        is_busy: Callable[[], bool],
        *,
        makes_itself: bool = True,
    ) -> None:
        self.reason = _IS_BEING_MADE
        self.processes = FakeForkSource(factory, spec)
        self.spares = FakeLoadPreparer()
        self.excluded: Mapping[str, str] = {}
        self.files: Sequence[str] = ()
        self.owner = owner
        self.is_busy = is_busy
        self.modules: list[str] = []
        self.preloaded: list[str] | None = None
        self.is_retired = False
        self.makes_itself = makes_itself
        self.wait = 1.0
        self._on_made = on_made
        self._has_learned = False
        #: Set once the template was made, has failed or was retired.
        self._made = asyncio.Event()

    # What the test says

    def make(self) -> None:
        """Makes the template from what it has learned."""
        self.processes.can_fork = True
        self.reason = ""
        self._made.set()
        self._on_made()

    def fail(self, reason: str) -> None:
        """Has the template be impossible to make, or die."""
        self.processes.can_fork = False
        self.reason = reason
        self._made.set()

    # What the daemon asks for

    @property
    def is_begun(self) -> bool:
        return self._has_learned or self._made.is_set()

    def learn(self, modules: Sequence[str], seconds: float) -> None:  # noqa: ARG002 (`wait` stands for it)
        if self.is_retired:
            return
        self._has_learned = True
        self.modules += modules
        if self.makes_itself and not self.processes.can_fork:
            self.make()

    def remaining_wait(self) -> float:
        return self.wait if self._has_learned and not self._made.is_set() else 0.0

    async def wait_until_made(self) -> None:
        if self.remaining_wait():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.remaining_wait()):
                    await self._made.wait()

    def start_preloader(self) -> None:
        self.preloaded = []

    def preload(self, module: str) -> None:
        if self.preloaded is not None:
            self.preloaded.append(module)

    def drop_preloader(self) -> None:
        self.preloaded = None

    def retire(self, reason: str) -> None:
        self.is_retired = True
        self.fail(reason)

    def forget_modules(self) -> None:
        self.is_retired = False
        self._has_learned = False
        self.modules.clear()
        self.reason = _IS_BEING_MADE
        self._made.clear()

    def keeper_lost(self) -> None:
        if self.processes.can_fork:
            self.processes.can_fork = False
            self.reason = _IS_BEING_MADE
            if self.makes_itself:
                self.make()
