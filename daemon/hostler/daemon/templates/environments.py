"""All environments; makes processes in them, by a fork of the template or by a spawn."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hostler.daemon.processes import command
from hostler.daemon.state.fork_policy import Decision, TemplateFacts, choose_load
from hostler.daemon.templates.environment import (
    FORK_PATIENCE_SECONDS,
    IDLE_SECONDS,
    Environment,
    EnvironmentContext,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from hostler.daemon.processes.host_process import HostProcess, Listener
    from hostler.daemon.templates.template import Template
    from hostler.daemon.workspace.text.models import LocationSpec

#: Names an environment: an interpreter, the variables that it is started with, and where.
Key = tuple[str, tuple[tuple[str, str], ...], str]


class Environments:
    """Keeps the environments of the workspace's locations, each made when it is first needed."""

    def __init__(
        self,
        context: EnvironmentContext,
        on_packages_changed: Callable[[Callable[[LocationSpec], bool], str], None],
    ) -> None:
        """
        Args:
            on_packages_changed: called with which locations are concerned, and what has changed,
                once an installer has ended.
        """
        self._context = context
        self._on_packages_changed = on_packages_changed
        self._environments: dict[Key, Environment] = {}
        self._numbers = itertools.count(1)
        #: How many locations use each environment.
        self._used: Counter[Key] = Counter()

    # Loads

    def is_template_coming(self, spec: LocationSpec) -> bool:
        """Returns whether a load in the environment should wait for the template."""
        found = self._find(spec)
        return found is not None and found.is_template_coming

    async def wait_for_template(self, spec: LocationSpec) -> None:
        """Waits for the environment's scout, and for the template that is made from it."""
        found = self._find(spec)
        if found is not None:
            await found.wait_for_template()

    def load_started(self, spec: LocationSpec, owner: str) -> None:
        """Notes that a process of a location is about to start and load."""
        found = self._find_or_make(spec)
        if found is not None:
            found.load_started(owner)

    def load_ended(self, owner: str) -> None:
        """Notes that the owner's load has ended; may be called more than once."""
        for found in self._environments.values():
            found.load_ended(owner)

    def learn(self, spec: LocationSpec, body: Mapping[str, Any], seconds: float) -> None:
        """Has the template import the modules that a successful load has imported.

        Args:
            body: the answer to LOAD.
            seconds: how long the load took, from the order to ready.
        """
        found = self._find_or_make(spec)
        if found is not None:
            found.learn(body, seconds)

    def fork_patience(self, spec: LocationSpec) -> float:
        """Returns how many seconds a fork may load before a new interpreter is tried."""
        found = self._find(spec)
        return found.fork_patience() if found is not None else FORK_PATIENCE_SECONDS

    # Processes

    async def start_process(
        self, spec: LocationSpec, owner: str, listener: Listener, spawn_reason: str
    ) -> tuple[HostProcess, Decision]:
        """Makes a process in the location's environment that has not loaded yet.

        Args:
            spawn_reason: why it has to be a new interpreter; empty if a fork will do.

        Returns:
            The process, and how it was made.

        Raises:
            SpawnError: the executable could not be started.
        """
        found = self._find(spec)
        decision = choose_load(spawn_reason, self.template_facts(spec))
        if found is not None and not spawn_reason and found.template.is_begun:
            if not found.is_loading(owner):  # it is for a worker or a run
                found.prepare_later(IDLE_SECONDS)
            if decision.is_fork:
                host = await found.template.processes.fork(owner, listener)
                if host is not None:
                    return host, decision
                decision = choose_load("", replace(self.template_facts(spec), can_fork=False))
        is_load = found is not None and found.is_loading(owner) and not spawn_reason
        on_import = None
        if found is not None and is_load and self._used[_key(spec)] > 1:  # others may need it
            on_import = found.send_scout(owner)
        host = await self._context.factory.spawn(spec, owner, listener)
        host.on_import = on_import
        return host, decision

    def prepare(self, spec: LocationSpec, sources: Collection[str], size: int = 0) -> None:
        """Has the template compile files and fork a spare for the location's next load.

        Args:
            sources: the source files that the location has read.
            size: how many bytes they have in all.
        """
        found = self._find(spec)
        if found is not None:
            found.template.spares.prepare(sources, size)

    def compile_ahead(self, spec: LocationSpec, sources: Collection[str]) -> None:
        """Has the template compile files for a load that begins soon."""
        found = self._find(spec)
        if found is not None:
            found.compile_ahead(sources)

    def template_of(self, spec: LocationSpec) -> Template | None:
        """Returns the template of the location's environment; None if there is none yet."""
        found = self._find(spec)
        return found.template if found and found.template.is_begun else None

    def template_facts(self, spec: LocationSpec) -> TemplateFacts:
        """Returns whether the template of the location's environment can fork now."""
        found = self._find(spec)
        return found.template_facts if found is not None else TemplateFacts()

    # The lives of environments

    def retain(self, specs: Iterable[LocationSpec]) -> None:
        """Ends the templates of environments that none of these locations uses."""
        self._used = Counter(_key(spec) for spec in specs if spec.fork != "never")
        for key in self._environments.keys() - self._used.keys():
            self._environments.pop(key).drop()

    def keeper_lost(self) -> None:
        """Makes the templates anew, since every process has ended with the keeper."""
        for found in self._environments.values():
            found.template.keeper_lost()

    def close(self) -> None:
        """Ends all templates."""
        self.retain(())

    def _find(self, spec: LocationSpec) -> Environment | None:
        return self._environments.get(_key(spec))

    def _find_or_make(self, spec: LocationSpec) -> Environment | None:
        """Returns the location's environment; None if no location that may fork uses it."""
        key = _key(spec)
        if key not in self._used:
            return None
        found = self._environments.get(key)
        if found is None:

            def on_packages_changed(what: str) -> None:
                self._on_packages_changed(lambda each: _key(each) == key, what)

            owner = f"template/{next(self._numbers)}"
            found = Environment(self._context, key[0], spec, owner, on_packages_changed)
            self._environments[key] = found
        return found


def _key(spec: LocationSpec) -> Key:
    # the folder as it is declared: an environment stays the same while its folder comes and goes,
    # and the key is asked for too often for a look at the disk
    return command.executable(spec), spec.env, spec.source.file.rpartition("/")[0]
