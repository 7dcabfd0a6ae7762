"""Environments, and what a location's process is there: a fork of the template, or a new one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostler.daemon import environment
from hostler.daemon.hosting import Hosted, Hosting, Listener
from hostler.daemon.journal import Journal
from hostler.daemon.packages import Packages
from hostler.daemon.tasks import Tasks
from hostler.daemon.template import Template
from hostler.daemon.workspace import LocationSpec

#: An interpreter and the variables that it is started with.
Key = tuple[str, tuple[tuple[str, str], ...]]

#: The watcher's keys for the packages of environments; no location can have such a name.
_WATCHED = "/environment/"

#: An installer writes for a while: this long after its last change the locations are loaded anew.
SETTLE_SECONDS = 0.5

#: What a fork has to load in before a new interpreter is tried: one loads in some 10 ms, but it may
#: meet a lock that no new interpreter does, or the code may have come to do more at import.
FORK_PATIENCE_SECONDS = 5.0

#: The same, in the longest load of the environment.
FORK_PATIENCE_FACTOR = 4.0

Watch = Callable[[str, Mapping[str, str | None], Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a process came to be.

    Attributes:
        is_fork: of the environment's template.
        reason: why it is not; empty where it is.
    """

    is_fork: bool
    reason: str = ""


class Environment:
    """One environment: its template, and what its packages were when that was made."""

    def __init__(self, key: str, template: Template) -> None:
        self.key = key
        self.template = template
        self.packages = Packages()
        #: Of the longest load so far.
        self.load_seconds = 0.0
        #: The locations are loaded anew when this comes.
        self.settling: asyncio.TimerHandle | None = None


class Environments:
    """All environments of the workspace's locations."""

    def __init__(self, hosting: Hosting, tasks: Tasks, journal: Journal) -> None:
        self._hosting = hosting
        self._tasks = tasks
        self._journal = journal
        self._environments: dict[Key, Environment] = {}
        self._numbers = itertools.count(1)
        self._used: set[Key] = set()
        self._watch: Watch | None = None
        self._forget: Callable[[str], None] | None = None
        self._on_packages: Callable[[Callable[[LocationSpec], bool], str], None] | None = None

    def attach(
        self,
        watch: Watch,
        forget: Callable[[str], None],
        on_packages: Callable[[Callable[[LocationSpec], bool], str], None],
    ) -> None:
        """
        Args:
            watch: of the watcher; its key, files and patterns.
            forget: of the watcher.
            on_packages: told which locations are concerned, and what has changed.
        """
        self._watch, self._forget, self._on_packages = watch, forget, on_packages

    async def settled(self, spec: LocationSpec) -> None:
        """Waits for a first template that is being made, as long as a load took without it."""
        found = self._environments.get(_key(spec))
        if found is not None:
            await found.template.settled()

    async def start(
        self, spec: LocationSpec, owner: str, listener: Listener, fresh: str
    ) -> tuple[Hosted, Origin]:
        """A process in the location's environment that has not loaded yet.

        Args:
            fresh: why it has to be a new interpreter; empty where a fork will do.

        Raises:
            SpawnError: the executable could not be started.
        """
        found = self._environments.get(_key(spec))
        reason = fresh or ("" if found else FIRST)
        if not reason and found is not None:
            template = found.template
            hosted = await template.take(owner, listener) if template.can_fork else None
            if hosted is not None:
                return hosted, Origin(is_fork=True)
            reason = template.reason or "the template did not fork"
        return await self._hosting.spawn(spec, owner, listener), Origin(False, reason)

    def learn(self, spec: LocationSpec, body: Mapping[str, Any], seconds: float) -> None:
        """A process has loaded: what it imported belongs into the template.

        Args:
            body: the answer to LOAD.
            seconds: from its order to ready.
        """
        key = _key(spec)
        if key not in self._used:  # nothing is forked there, or no location has it any more
            return
        found = self._environments.get(key)
        if found is None:
            found = self._environments[key] = self._make(spec)
        found.load_seconds = max(found.load_seconds, seconds)
        if found.settling is not None:
            return  # the packages are being changed
        if found.packages.learn(body["packages"]):
            self._tasks.start(self._watch_packages(found), f"packages of {found.key}")
        found.template.learn(body["imports"], seconds)

    def _make(self, spec: LocationSpec) -> Environment:
        number = next(self._numbers)

        def on_made() -> None:
            self._tasks.start(self._watch_packages(made), f"packages of {made.key}")

        template = Template(spec, f"template/{number}", self._hosting, self._tasks, on_made)
        made = Environment(f"{_WATCHED}{number}", template)
        return made

    async def _watch_packages(self, of: Environment) -> None:
        """Watches what a template was made of, and what an installer writes."""
        packages = of.packages
        files = await asyncio.to_thread(packages.files, of.template.files)
        is_in_use = of in self._environments.values()
        is_current = of.packages is packages and of.settling is None
        if self._watch is not None and is_in_use and is_current:
            self._watch(of.key, files, packages.patterns())

    def fork_patience(self, spec: LocationSpec) -> float:
        """Seconds that a fork has to load in before a new interpreter is tried."""
        found = self._environments.get(_key(spec))
        usual = found.load_seconds if found else 0.0
        return max(FORK_PATIENCE_SECONDS, FORK_PATIENCE_FACTOR * usual)

    def prepare(self, spec: LocationSpec, sources: Collection[str], size: int = 0) -> None:
        """After a load: has the user's files compiled ahead, and a process forked for the next.

        Args:
            size: bytes of them in all.
        """
        found = self._environments.get(_key(spec))
        if found is not None:
            found.template.prepare(sources, size)

    def template_of(self, spec: LocationSpec) -> Template | None:
        """The template of the location's environment; None where there is none yet."""
        found = self._environments.get(_key(spec))
        return found.template if found else None

    def keep(self, specs: Iterable[LocationSpec]) -> None:
        """Ends the templates of environments that no location has any more."""
        self._used = {_key(spec) for spec in specs if spec.fork != "never"}
        for key in self._environments.keys() - self._used:
            self._drop(self._environments.pop(key))

    def keeper_lost(self) -> None:
        """Every process has ended with the keeper."""
        for found in self._environments.values():
            found.template.keeper_lost()

    def close(self) -> None:
        self._used.clear()
        for found in self._environments.values():
            self._drop(found)
        self._environments.clear()

    def files_changed(self, key: str, paths: frozenset[str]) -> bool:
        """A watched file has changed; whether it is one of an environment's packages."""
        if not key.startswith(_WATCHED):
            return False
        for place, found in self._environments.items():
            if found.key == key:
                self._packages_changed(place, found, paths)
        return True

    def _packages_changed(self, place: Key, found: Environment, paths: frozenset[str]) -> None:
        """Forks nothing any more, and loads anew when the installer has ended."""
        what = found.packages.describe(paths)
        self._journal.info("packages changed", executable=place[0], what=what)
        found.template.retire(f"packages have changed: {what}")
        if found.settling is not None:
            found.settling.cancel()

        def settled() -> None:
            found.settling = None
            found.packages = Packages()
            found.template.begin_anew()
            if self._on_packages is not None:
                self._on_packages(lambda spec: _key(spec) == place, what)

        found.settling = asyncio.get_running_loop().call_later(SETTLE_SECONDS, settled)

    def _drop(self, found: Environment) -> None:
        if found.settling is not None:
            found.settling.cancel()
        if self._forget is not None:
            self._forget(found.key)
        found.template.retire("no location needs it")


#: Why the first process of an environment is not forked.
FIRST = "the first load in this environment"


def _key(spec: LocationSpec) -> Key:
    return environment.executable(spec), spec.env
