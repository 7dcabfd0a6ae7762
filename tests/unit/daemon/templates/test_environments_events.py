"""Environments hold nobody up and leave nothing, whatever happens in whatever order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.daemon.templates.environment_desk import FOLDER, OTHER, RECORD, A, B, body
from unit.daemon.world import LONG, World, play

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.processes.host_process import SILENT
from hostler.daemon.templates.process_template import SIBLING_PATIENCE
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.processes.host_process import HostProcess
    from hostler.daemon.workspace.text.models import LocationSpec

#: What a load takes, as it is told.
SECONDS = 2.0

#: For how long a load may be held up: by first loads that fail, one after the other, each a second
#: after its last import, and by the template that is made of the last one.
MOST_WAIT = 30.0


class Loads:
    """Loads of three locations in two environments."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosts: list[HostProcess] = []
        self.under_way: dict[str, LocationSpec] = {}
        self.waiting: list[tuple[float, asyncio.Task[None]]] = []
        self.made = 0
        world.environments.retain([A, B, OTHER])

    def begin(self, spec: LocationSpec) -> None:
        self.made += 1
        owner = f"{spec.name}/{self.made}"
        self.under_way[owner] = spec
        self.world.environments.load_started(spec, owner)
        self.world.tasks.start(self._start(spec, owner), owner)

    def need(self, spec: LocationSpec) -> None:
        """Has a worker made."""
        self.made += 1
        self.world.tasks.start(self._start(spec, f"{spec.name}/w{self.made}"), "worker")

    async def _start(self, spec: LocationSpec, owner: str) -> None:
        host, decision = await self.world.environments.start_process(spec, owner, SILENT, "")
        assert decision.is_fork != bool(decision.reason), decision
        self.hosts.append(host)

    def wait(self, spec: LocationSpec) -> None:
        task = asyncio.ensure_future(self.world.environments.wait_for_template(spec))
        self.waiting.append((self.world.clock.monotonic(), task))

    def end(self, *imports: str, is_good: bool = True) -> None:
        """Ends the oldest load."""
        for owner, spec in list(self.under_way.items())[:1]:
            del self.under_way[owner]
            self.world.environments.load_ended(owner)
            if is_good:
                told = body(*imports, folders=(FOLDER,))
                self.world.environments.learn(spec, told, SECONDS)

    def announce(self) -> None:
        for host in self.hosts:
            if host.on_import is not None:
                host.on_import("numpy")

    def install(self) -> None:
        self.world.watcher.change(RECORD, str(self.world.clock.monotonic()))

    def follow(self, script: Script) -> None:
        self.world.launcher.script = script

    def kill_templates(self, *, spares: bool) -> None:
        for process in self.world.launcher.alive:
            if process.owner.startswith("template/") and bool(process.parent) is spares:
                process.end(ExitStatus(None, 9))

    def lose_keeper(self) -> None:
        self.world.on_new_keeper = self.world.environments.keeper_lost
        self.world.launcher.lose_keeper()
        self.world.launcher.new_keeper()

    def check(self) -> None:
        now = self.world.clock.monotonic()
        late = [
            since for since, task in self.waiting if not task.done() and now - since > MOST_WAIT
        ]
        assert late == [], "a load is held up"
        for spec in (A, B, OTHER):
            facts = self.world.environments.template_facts(spec)
            if facts.is_begun and not facts.can_fork:
                assert facts.reason, "it does not fork, and does not say why"


HAPPENINGS: dict[str, Callable[[Loads], object]] = {
    "a load begins": lambda loads: loads.begin(A),
    "its sibling begins": lambda loads: loads.begin(B),
    "another load begins": lambda loads: loads.begin(OTHER),
    "a worker is needed": lambda loads: loads.need(B),
    "a load waits": lambda loads: loads.wait(B),
    "a load imports": lambda loads: loads.announce(),
    "a load ends": lambda loads: loads.end("numpy"),
    "a load ends that has imported more": lambda loads: loads.end("numpy", "pandas"),
    "a load fails": lambda loads: loads.end(is_good=False),
    "a module bears no fork": lambda loads: loads.world.launcher.unsafe_modules.update(pandas="x"),
    "files are to be compiled": lambda loads: loads.world.environments.compile_ahead(A, ["/a.py"]),
    "a load is prepared": lambda loads: loads.world.environments.prepare(A, ["/a.py"], 5),
    "an installer writes": Loads.install,
    "imports hang": lambda loads: loads.follow(Script(hangs_in=frozenset({Method.PRELOAD}))),
    "forks hang": lambda loads: loads.follow(Script(hangs_in=frozenset({Method.FORK}))),
    "forks die": lambda loads: loads.follow(Script(dies_in={Method.FORK: ExitStatus(None, 9)})),
    "all go well": lambda loads: loads.follow(Script()),
    "the templates die": lambda loads: loads.kill_templates(spares=False),
    "the spares die": lambda loads: loads.kill_templates(spares=True),
    "the keeper dies": Loads.lose_keeper,
    "a location goes": lambda loads: loads.world.environments.retain([A, OTHER]),
    "an environment goes": lambda loads: loads.world.environments.retain([A, B]),
    "all are there": lambda loads: loads.world.environments.retain([A, B, OTHER]),
}

#: What happens, and the seconds that pass after it; None where the next comes in the same turn.
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.sampled_from([None, 0.0, 0.1, 1.0, 10.0])),
    max_size=20,
)
Steps: TypeAlias = "list[tuple[str, float | None]]"


async def happen(loads: Loads, steps: Steps) -> None:
    for what, seconds in steps:
        HAPPENINGS[what](loads)
        if seconds is not None:
            await loads.world.advance(seconds)
            loads.check()


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_nothing_is_left_when_they_are_closed(steps: Steps) -> None:
    async def scenario(world: World) -> None:
        loads = Loads(world)
        await happen(loads, steps)
        await world.advance()
        world.environments.close()
        await world.advance(LONG)
        loads.check()
        for host in loads.hosts:
            await world.factory.kill(host)
        await world.advance(LONG)
        assert world.launcher.alive == []
        assert world.watcher.watches == set()
        assert world.clock.pending == ()

    play(scenario, real_templates=True)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_in_the_end_loads_are_forks(steps: Steps) -> None:
    """Whatever came before: once all goes well, and a load has told what it imports."""

    async def scenario(world: World) -> None:
        loads = Loads(world)
        await happen(loads, steps)
        await world.advance()
        loads.follow(Script())
        world.launcher.unsafe_modules.clear()
        for process in world.launcher.alive:
            process.follow(Script())
        world.environments.retain([A, B, OTHER])
        while loads.under_way:
            loads.end(is_good=False)
        await world.advance(LONG)
        for _ in range(2):  # the first fork of a template may come late for a reason that is past
            loads.begin(A)
            await world.advance(1)
            loads.end("numpy")
            await world.advance(SIBLING_PATIENCE * SECONDS)
        assert not world.environments.is_template_coming(B)
        assert world.environments.template_facts(A).can_fork
        loads.begin(B)
        await world.advance(1)
        assert loads.hosts[-1].is_template_fork
        for host in loads.hosts:
            await world.factory.kill(host)

    play(scenario, real_templates=True)
