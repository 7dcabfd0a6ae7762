"""All that a location has around it, without a process, a file or a second that passes.

The launcher, the clock and the watcher are fakes, as is the template unless a test wants the real
one; all between them is the daemon's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from unit.daemon.clocked_loop import ClockedLoop, run_clocked

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.base.descriptors import DescriptorLimit
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.launching.fake import FakeLauncher
from hostler.daemon.launching.fake_process import Code
from hostler.daemon.loading.admission import Slots
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.pings import Pings
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.processes.runtime import Runtime, source_root
from hostler.daemon.templates.environment import EnvironmentContext
from hostler.daemon.templates.environments import Environments
from hostler.daemon.templates.fake import FakeTemplate
from hostler.daemon.templates.process_template import ProcessTemplate
from hostler.daemon.watching.fake import FakeWatcher
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hostler.daemon.templates.template import Template

    OnPackagesChanged = Callable[[Callable[[LocationSpec], bool], str], None]

#: Of every code in a test; its digest is the code's name.
FILE = "/project/code.py"

#: Delays that a test can name.
SETTINGS = Settings(restart_jitter=0.0, parallel_starts=2, run_synchronous=0)

#: Seconds in which whatever goes on has come to its end: back-offs, graces, patience.
LONG = 300.0


def code(name: str = "good", **fields: Any) -> Code:
    """Returns code that loads, unless `failure` says otherwise."""
    return Code(name=name, **{"files": {FILE: name}, **fields})


def broken(name: str = "broken", *, permanent: bool = False) -> Code:
    """Returns code that does not load."""
    return code(
        name, failure={"kind": "IMPORT", "permanent": permanent, "message": f"{name}: NameError"}
    )


def a_spec(name: str = "a", **fields: Any) -> LocationSpec:
    """Returns a location of the project."""
    return LocationSpec(
        name, Target("python_file", FILE), Position("/workspace.yaml", 1, 1), **fields
    )


class CollectingJournal(Journal):
    """Keeps what is logged, as (level, event, values)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []
        self._faults = set()

    @property
    def errors(self) -> list[tuple[str, dict[str, object]]]:
        """Returns what was logged as an error, faults of the daemon's own among it."""
        return [(event, values) for level, event, values in self.events if level == "error"]

    def _write(self, level: str, event: str, values: dict[str, object]) -> None:
        self.events.append((level, event, values))


class World:
    """What surrounds the locations of one test.

    Attributes:
        templates: the fake ones that were made, in order.
        packages_changed: what the environments have told.
        on_new_keeper: called when a new keeper has taken the place of one that died.
        on_packages_changed: called with what the environments tell.
    """

    def __init__(self, clock: FakeClock, settings: Settings, *, real_templates: bool) -> None:
        self.clock = clock
        self.settings = settings
        self.journal = CollectingJournal()
        self.tasks = Tasks(self.journal)
        self.watcher = FakeWatcher()
        self.launcher = FakeLauncher(self._on_new_keeper)
        self.launcher.disk = code()
        self.templates: list[FakeTemplate] = []
        self.packages_changed: list[tuple[Callable[[LocationSpec], bool], str]] = []
        self.on_new_keeper: Callable[[], None] = lambda: None
        self.on_packages_changed: OnPackagesChanged = lambda *told: self.packages_changed.append(
            told
        )
        runtime = Runtime(source_root(), -1)
        self.factory = ProcessFactory(
            self.launcher, "fake", runtime, settings, {"PATH": "/bin"}, DescriptorLimit(1024, 1024)
        )
        self.make_template: Callable[..., Template] = self._make_fake_template
        if real_templates:
            self.make_template = partial(ProcessTemplate, self.factory, self.tasks, clock)
        self.environment_context = EnvironmentContext(
            self.factory, self.make_template, self.tasks, self.journal, self.watcher, clock
        )
        self.environments = Environments(self.environment_context, self._on_packages_changed)
        self.context = LocationContext(
            self.factory,
            self.environments,
            self.watcher,
            settings,
            self.tasks,
            Slots(settings.parallel_starts, clock),
            clock,
            self.journal,
            Pings(clock),
            itertools.count(1),
        )

    def _make_fake_template(self, *arguments: Any) -> Template:
        template = FakeTemplate(self.factory, *arguments)
        self.templates.append(template)
        return template

    def _on_new_keeper(self) -> None:
        self.on_new_keeper()

    def _on_packages_changed(self, concerns: Callable[[LocationSpec], bool], what: str) -> None:
        self.on_packages_changed(concerns, what)

    async def advance(self, seconds: float = 0.0) -> None:
        """Lets time pass, and all happen that is due; the watcher tells what it has not told."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ClockedLoop)
        await loop.advance(seconds)
        self.watcher.tell()
        await loop.advance()

    def put(self, changed: Code) -> None:
        """Puts code on the disk; nobody is told."""
        self.launcher.disk = changed

    def save(self, changed: Code) -> None:
        """Puts code on the disk, and has the watcher see it."""
        self.put(changed)
        for path, digest in changed.files.items():
            self.watcher.change(path, digest)

    def warm_up(self, *specs: LocationSpec) -> None:
        """Has a template made for the environment of locations, so that they are forked."""
        self.environments.retain(specs)
        for spec in specs:
            told = {"packages": {"folders": [], "configuration": None}, "imports": ["numpy"]}
            self.environments.learn(spec, told, 0.01)

    def check(self) -> None:
        """Nothing of the daemon's own has gone wrong, an undeclared event among it."""
        assert self.journal.errors == []


@contextlib.asynccontextmanager
async def _opened(
    clock: FakeClock, settings: Settings, *, real_templates: bool
) -> AsyncIterator[World]:
    world = World(clock, settings, real_templates=real_templates)
    async with world.tasks:
        try:
            yield world
            await world.advance()
            world.check()
        finally:
            world.environments.close()
            world.launcher.close()
            await world.advance(LONG)


def play(
    scenario: Callable[[World], Awaitable[None]],
    *,
    settings: Settings = SETTINGS,
    real_templates: bool = False,
) -> None:
    """Plays a scenario in a world of its own."""
    clock = FakeClock()

    async def main() -> None:
        async with _opened(clock, settings, real_templates=real_templates) as world:
            await scenario(world)

    run_clocked(clock, main())
