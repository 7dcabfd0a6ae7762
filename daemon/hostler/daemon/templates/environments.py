"""Environments, and what a location's process is there: a fork of the template, or a new one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.processes import command
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.daemon.state.fork_policy import Decision, TemplateFacts, choose_load
from hostler.daemon.templates.packages import Packages
from hostler.daemon.templates.template import Template
from hostler.daemon.watching.watcher import Watch, Watcher
from hostler.daemon.workspace.text.models import LocationSpec

#: An interpreter and the variables that it is started with.
Key = tuple[str, tuple[tuple[str, str], ...]]

#: An installer writes for a while: this long after its last change the locations are loaded anew.
SETTLE_SECONDS = 0.5

#: What a fork has to load in before a new interpreter is tried: one loads in some 10 ms, but it may
#: meet a lock that no new interpreter does, or the code may have come to do more at import.
FORK_PATIENCE_SECONDS = 5.0

#: The same, in the longest load of the environment.
FORK_PATIENCE_FACTOR = 4.0

#: How long the others wait for a first load that imports nothing more: it may sleep for ever.
SCOUT_SECONDS = 1.0

#: After the last of them, the template does what had to wait.
REST_SECONDS = 0.05

#: Loads that take no longer have the template fork and do nothing else meanwhile.
RUSH_SECONDS = 1.0

#: Told which locations are concerned, and what has changed.
OnPackages = Callable[[Callable[[LocationSpec], bool], str], None]


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
    """One environment: its template, and what its packages were when that was made."""

    def __init__(self, key: Key, template: Template) -> None:
        self.key = key
        self.template = template
        self.packages = Packages()
        self.watch: Watch | None = None
        self.scout: Scout | None = None
        #: When they began, by the owners of processes that load.
        self.loading: dict[str, float] = {}
        #: Of the longest load so far.
        self.load_seconds = 0.0
        #: A load that waits for files to rest begins by then.
        self.awaited_until = 0.0
        #: What others left undone is done when this comes.
        self.resting: asyncio.TimerHandle | None = None
        #: The locations are loaded anew when this comes.
        self.settling: asyncio.TimerHandle | None = None

    def is_rush(self) -> bool:
        """Whether somebody loads, and not one who has slept at import for a while."""
        now = asyncio.get_running_loop().time()
        return any(now - began < RUSH_SECONDS for began in self.loading.values())

    def rest(self, delay: float) -> None:
        """Has what was left undone done after a while, if nobody loads or is about to load then."""
        if self.resting is not None:
            self.resting.cancel()
        self.resting = asyncio.get_running_loop().call_later(delay, self._rest)

    def _rest(self) -> None:
        self.resting = None
        left = self.awaited_until - asyncio.get_running_loop().time()
        if left > 0:
            self.rest(left)
        elif not self.loading:
            self.template.prepare(())

    def drop_preloader(self) -> None:
        """A first load has ended; unless another has begun, nobody needs what followed it."""
        if self.scout is None:
            self.template.drop_preloader()


class Environments:
    """All environments of the workspace's locations."""

    def __init__(
        self,
        factory: ProcessFactory,
        tasks: Tasks,
        journal: Journal,
        watcher: Watcher,
        on_packages: OnPackages,
    ) -> None:
        """
        Args:
            on_packages: called when an installer has ended.
        """
        self._factory = factory
        self._tasks = tasks
        self._journal = journal
        self._watcher = watcher
        self._on_packages = on_packages
        self._environments: dict[Key, Environment] = {}
        self._numbers = itertools.count(1)
        #: How many locations each has.
        self._used: Counter[Key] = Counter()

    def is_settling(self, spec: LocationSpec) -> bool:
        """Whether a first load goes on that others wait for, or the template is made of it."""
        found = self._environments.get(_key(spec))
        if found is None:
            return False
        now = asyncio.get_running_loop().time()
        is_out = found.scout is not None and now < found.scout.deadline
        return is_out or found.template.patience() > 0

    async def settled(self, spec: LocationSpec) -> None:
        """Waits for the first load of the environment, and for the template that comes of it.

        No longer than the first load took, and not for one that does not get on.
        """
        found = self._environments.get(_key(spec))
        while found is not None and (scout := found.scout) is not None:
            left = scout.deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await scout.ended.wait()
        if found is not None:
            await found.template.settled()

    def load_started(self, spec: LocationSpec, owner: str) -> None:
        """A process of a location is about to be started, and to load."""
        found = self._of(spec)
        if found is None:
            return
        found.loading[owner] = asyncio.get_running_loop().time()

    def _of(self, spec: LocationSpec) -> Environment | None:
        """The location's environment; None where nothing is forked, or no location has it."""
        key = _key(spec)
        if key not in self._used:
            return None
        found = self._environments.get(key)
        if found is None:
            found = self._environments[key] = self._make(spec)
        return found

    def load_ended(self, owner: str) -> None:
        """The load is over, whether well or not; nothing where that is known."""
        for found in self._environments.values():
            if found.loading.pop(owner, None) is None:
                continue
            if found.scout is not None and found.scout.owner == owner:
                found.scout.ended.set()
                found.scout = None
                # what it has imported may be learned from it in this turn
                asyncio.get_running_loop().call_soon(found.drop_preloader)
            if not found.loading:  # what was left undone meanwhile, once the answers are read
                found.rest(REST_SECONDS)

    async def start(
        self, spec: LocationSpec, owner: str, listener: Listener, spawn_reason: str
    ) -> tuple[HostProcess, Decision]:
        """Makes a process in the location's environment that has not loaded yet.

        Args:
            spawn_reason: why it has to be a new interpreter; empty where a fork will do.

        Returns:
            The process, and how it was made.

        Raises:
            SpawnError: the executable could not be started.
        """
        found = self._environments.get(_key(spec))
        decision = choose_load(spawn_reason, self.template_facts(spec))
        if found is not None and not spawn_reason and found.template.is_begun:
            if owner not in found.loading:  # a worker or a run: another spare for the next need
                found.rest(REST_SECONDS)
            if decision.is_fork:
                host = await found.template.fork(owner, listener)
                if host is not None:
                    return host, decision
                decision = choose_load("", replace(self.template_facts(spec), can_fork=False))
        on_import = None
        if not spawn_reason and found is not None and owner in found.loading:
            on_import = self._send_scout(found, owner, self._used[_key(spec)])
        host = await self._factory.spawn(spec, owner, listener)
        host.on_import = on_import
        return host, decision

    def _send_scout(
        self, found: Environment, owner: str, locations: int
    ) -> Callable[[str], None] | None:
        """Has the others wait for this load, while the template imports what it imports.

        Returns:
            To be told of its imports; None where nobody waits.
        """
        if locations < 2 or found.template.is_begun or found.scout is not None:
            return None  # one that goes on without end is waited for once
        loop = asyncio.get_running_loop()
        scout = found.scout = Scout(owner, loop.time() + SCOUT_SECONDS)
        found.template.start_preloader()

        def on_import(module: str) -> None:
            scout.deadline = loop.time() + SCOUT_SECONDS
            found.template.follow(module)

        return on_import

    def learn(self, spec: LocationSpec, body: Mapping[str, Any], seconds: float) -> None:
        """A process has loaded: what it imported belongs into the template.

        Args:
            body: the answer to LOAD.
            seconds: from its order to ready.
        """
        found = self._of(spec)
        if found is None:
            return
        found.load_seconds = max(found.load_seconds, seconds)
        if found.settling is not None:
            return  # the packages are being changed
        if found.packages.learn(body["packages"]):
            self._start_watch(found)
        found.template.learn(body["imports"], seconds)
        if found.scout is not None:  # it need not be the first one that is ready
            found.scout.ended.set()
            found.scout = None

    def _make(self, spec: LocationSpec) -> Environment:
        template = Template(
            spec,
            f"template/{next(self._numbers)}",
            self._factory,
            self._tasks,
            lambda: self._start_watch(made),
            lambda: made.is_rush(),  # noqa: PLW0108 (it is made below)
        )
        made = Environment(_key(spec), template)
        return made

    def _start_watch(self, of: Environment) -> None:
        self._tasks.start(self._watch_packages(of), f"packages of {of.key[0]}")

    async def _watch_packages(self, of: Environment) -> None:
        """Watches what a template was made of, and what an installer writes."""
        packages = of.packages
        files = await asyncio.to_thread(packages.files, of.template.files)
        is_in_use = of in self._environments.values()
        is_current = of.packages is packages and of.settling is None
        if not (is_in_use and is_current):
            return
        if of.watch is None:
            on_change = partial(self._packages_changed, of)
            of.watch = self._watcher.watch(files, on_change, packages.patterns())
        else:
            of.watch.replace(files, packages.patterns())

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

    def compile_ahead(self, spec: LocationSpec, sources: Collection[str]) -> None:
        """Has files compiled that the next load will read, which is about to begin."""
        found = self._environments.get(_key(spec))
        if found is not None:
            found.awaited_until = asyncio.get_running_loop().time() + REST_SECONDS
            found.template.compile_ahead(sources)

    def template_of(self, spec: LocationSpec) -> Template | None:
        """The template of the location's environment; None where there is none yet."""
        found = self._environments.get(_key(spec))
        return found.template if found and found.template.is_begun else None

    def template_facts(self, spec: LocationSpec) -> TemplateFacts:
        """What can be had from the template of the location's environment."""
        found = self._environments.get(_key(spec))
        if found is None:
            return TemplateFacts()
        template = found.template
        return TemplateFacts(template.is_begun, template.can_fork, template.reason)

    def retain(self, specs: Iterable[LocationSpec]) -> None:
        """Ends the templates of environments that no location has any more."""
        self._used = Counter(_key(spec) for spec in specs if spec.fork != "never")
        for key in self._environments.keys() - self._used.keys():
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

    def _packages_changed(self, found: Environment, paths: frozenset[str]) -> None:
        """Forks nothing any more, and loads anew when the installer has ended."""
        what = found.packages.describe(paths)
        self._journal.info("packages changed", executable=found.key[0], what=what)
        found.template.retire(f"packages have changed: {what}")
        if found.settling is not None:
            found.settling.cancel()

        def settled() -> None:
            found.settling = None
            found.packages = Packages()
            found.template.begin_anew()
            self._on_packages(lambda spec: _key(spec) == found.key, what)

        found.settling = asyncio.get_running_loop().call_later(SETTLE_SECONDS, settled)

    def _drop(self, found: Environment) -> None:
        for timer in (found.settling, found.resting):
            if timer is not None:
                timer.cancel()
        if found.watch is not None:
            found.watch.close()
        found.template.retire("no location needs it")


def _key(spec: LocationSpec) -> Key:
    return command.executable(spec), spec.env
