"""The real template, whose processes are a FakeLauncher's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from unit.daemon.world import World, a_spec, play

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.processes.factory import FORK_SECONDS
from hostler.daemon.processes.host_process import SILENT, HostProcess
from hostler.daemon.templates.process_template import SHORT_LIFE, ProcessTemplate
from hostler.daemon.templates.spare import MOST_ATTEMPTS
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hostler.daemon.launching.fake_process import FakeProcess

KILLED = ExitStatus(None, 9)
NO_FORK = Script(hangs_in=frozenset({Method.FORK}))


class Desk:
    """One template."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.template = ProcessTemplate(
            world.factory, world.tasks, world.clock, a_spec(), "t", lambda: None, lambda: False
        )

    async def learn(self, *modules: str) -> None:
        self.template.learn(modules, 0.5)
        await self.world.advance()

    def fork(self) -> asyncio.Task[HostProcess | None]:
        return asyncio.ensure_future(self.template.processes.fork("a/1", SILENT))

    def pid(self) -> int:
        return self.template.processes.pid

    def spare(self) -> int:
        return self.template.processes.spare_pid

    def fake(self, pid: int) -> FakeProcess:
        (fake,) = (one for one in self.world.launcher.processes if one.pid == pid)
        return fake


def play_desk(scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def in_world(world: World) -> None:
        desk = Desk(world)
        await scenario(desk)
        desk.template.retire("the test is over")
        await world.advance(10)
        assert world.launcher.alive == []

    play(in_world)


def test_it_imports_what_loads_have_imported_and_more_when_they_do() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        first = desk.pid()
        assert desk.fake(first).preloaded == ["numpy"]
        await desk.learn("numpy")
        assert desk.pid() == first
        await desk.learn("numpy", "pandas")
        assert desk.pid() != first
        assert desk.fake(desk.pid()).preloaded == ["numpy", "pandas"]
        assert not desk.fake(first).is_alive

    play_desk(scenario)


def test_a_module_that_bears_no_fork_is_left_out() -> None:
    async def scenario(desk: Desk) -> None:
        desk.world.launcher.unsafe_modules["grpc"] = "it starts a thread"
        await desk.learn("numpy", "grpc")
        assert desk.template.processes.can_fork
        assert desk.template.excluded == {"grpc": "it starts a thread"}

    play_desk(scenario)


def test_a_spare_waits_for_the_next_load_and_outlives_the_template() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        spare = desk.template.processes.spare_pid
        assert spare
        desk.fake(desk.pid()).end(KILLED)
        await desk.world.advance()
        assert desk.pid() == 0
        assert desk.template.processes.can_fork
        taken = await desk.fork()
        assert taken is not None
        assert taken.pid == spare
        assert desk.fake(spare).owner == "a/1"
        assert (desk.pid(), desk.spare()) == (0, 0)
        await desk.world.factory.kill(taken)

    play_desk(scenario)


def test_spares_that_die_one_after_the_other_are_not_made_without_end() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        for _ in range(MOST_ATTEMPTS):
            desk.fake(desk.template.processes.spare_pid).end(KILLED)
            await desk.world.advance()
        assert desk.spare() == 0
        await desk.world.advance(FORK_SECONDS)
        assert desk.spare()

    play_desk(scenario)


def test_one_that_dies_is_made_again_at_once_and_then_after_growing_delays() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        await desk.world.advance(SHORT_LIFE)
        desk.fake(desk.pid()).end(KILLED)
        await desk.world.advance()
        assert desk.pid()
        for delay in (0.5, 1.0):
            await desk.world.advance(SHORT_LIFE)
            desk.fake(desk.pid()).end(KILLED)
            await desk.world.advance(delay - 0.01)
            assert desk.pid() == 0
            assert desk.template.reason == ("the template is made anew: it died: killed by SIGKILL")
            await desk.world.advance(0.02)
            assert desk.pid()

    play_desk(scenario)


def test_one_that_dies_at_once_is_made_again_by_the_next_load() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        desk.fake(desk.pid()).end(KILLED)
        await desk.world.advance(60)
        assert desk.pid() == 0
        assert desk.template.reason.startswith("there is no template: it died")
        await desk.learn("numpy")
        assert desk.pid()

    play_desk(scenario)


def test_one_that_does_not_fork_twice_is_made_anew() -> None:
    async def scenario(desk: Desk) -> None:
        desk.world.launcher.script = NO_FORK
        await desk.learn("numpy")
        first = desk.pid()
        for _ in range(2):
            forking = desk.fork()
            await desk.world.advance(FORK_SECONDS)
            assert forking.result() is None
        assert desk.pid() != first

    play_desk(scenario)


def test_forks_that_fail_after_its_end_do_not_bring_it_back() -> None:
    async def scenario(desk: Desk) -> None:
        desk.world.launcher.script = NO_FORK
        await desk.learn("numpy")
        forking = [desk.fork(), desk.fork()]
        await desk.world.advance()
        desk.template.retire("no location needs it")
        await desk.world.advance(60)
        assert [each.result() for each in forking] == [None, None]
        assert desk.world.launcher.alive == []
        assert desk.template.reason == "no location needs it"

    play_desk(scenario)
