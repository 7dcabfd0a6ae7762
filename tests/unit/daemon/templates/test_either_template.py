"""What an environment can count on: the real template and the fake one are told the same story."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from unit.daemon.world import World, a_spec
from unit.daemon.world import play as play_in

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.processes.host_process import SILENT, HostProcess
from hostler.daemon.templates.fake import FakeTemplate
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hostler.daemon.templates.template import Template

    Play = Callable[[Callable[["Desk"], Awaitable[None]]], None]

SPEC = a_spec()


class Desk:
    """One template.

    Attributes:
        made: how often it was told that it forks.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = 0
        self.template: Template = world.make_template(
            SPEC, "template/1", self._on_made, lambda: False
        )

    def _on_made(self) -> None:
        self.made += 1

    def hold(self) -> None:
        """Has the making of it take until `release`."""
        if isinstance(self.template, FakeTemplate):
            self.template.makes_itself = False
        else:
            self.world.launcher.script = Script(hangs_in=frozenset({Method.PRELOAD}))

    def release(self) -> None:
        if isinstance(self.template, FakeTemplate):
            self.template.make()
        else:
            for process in self.world.launcher.alive:
                process.follow(Script())

    def refuse_forks(self) -> None:
        if isinstance(self.template, FakeTemplate):
            self.template.processes.refuses = True
        else:
            self.world.launcher.script = Script(hangs_in=frozenset({Method.FORK}))

    def can_fork(self) -> bool:
        return self.template.processes.can_fork

    async def learn(self, *modules: str) -> None:
        self.template.learn(modules, 0.5)
        await self.world.advance(0.01)

    async def fork(self) -> HostProcess | None:
        forking = asyncio.ensure_future(self.template.processes.fork("a/1", SILENT))
        await self.world.advance(10)
        return await forking


@pytest.fixture(params=["real", "fake"])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a scenario with one of the templates."""

    def start(scenario: Callable[[Desk], Awaitable[None]]) -> None:
        async def in_world(world: World) -> None:
            desk = Desk(world)
            await scenario(desk)
            desk.template.retire("the test is over")

        play_in(in_world, real_templates=request.param == "real")

    return start


def test_before_a_load_there_is_none(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        template = desk.template
        assert not template.is_begun
        assert not template.processes.can_fork
        assert template.reason
        assert template.remaining_wait() == 0
        await template.wait_until_made()
        assert await desk.fork() is None
        assert desk.made == 0
        assert template.processes.pids == []

    play(scenario)


def test_it_forks_once_it_has_learned(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        template = desk.template
        assert (template.is_begun, template.processes.can_fork, template.reason) == (True, True, "")
        assert desk.made == 1
        fork = await desk.fork()
        assert fork is not None
        assert fork.has_said_hello
        assert fork.is_template_fork
        assert fork.owner == "a/1"
        assert template.processes.forks == 1
        await fork.channel.request(Method.PING)
        await desk.world.factory.kill(fork)

    play(scenario)


def test_a_load_waits_for_the_first_one_alone_and_not_for_ever(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.hold()
        await desk.learn("numpy")
        template = desk.template
        assert template.is_begun
        assert not desk.can_fork()
        assert template.remaining_wait() > 0
        waiting = asyncio.ensure_future(template.wait_until_made())
        await desk.world.advance()
        assert not waiting.done()
        await desk.world.advance(1)
        assert waiting.done()
        desk.release()
        await desk.world.advance()
        assert desk.can_fork()
        assert template.remaining_wait() == 0
        await template.wait_until_made()

    play(scenario)


def test_whoever_waits_goes_on_when_it_is_made(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.hold()
        await desk.learn("numpy")
        waiting = asyncio.ensure_future(desk.template.wait_until_made())
        await desk.world.advance()
        desk.release()
        await desk.world.advance()
        assert waiting.done()

    play(scenario)


def test_a_fork_that_does_not_come(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.refuse_forks()
        await desk.learn("numpy")
        assert desk.template.processes.can_fork
        assert await desk.fork() is None
        assert desk.template.processes.forks == 0

    play(scenario)


def test_one_that_was_retired_learns_nothing_until_it_begins_anew(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        template = desk.template
        template.retire("packages have changed")
        await desk.learn("pandas")
        assert (template.processes.can_fork, template.reason) == (False, "packages have changed")
        assert await desk.fork() is None
        template.forget_modules()
        assert not template.is_begun
        assert template.reason != "packages have changed"
        await desk.learn("pandas")
        assert template.processes.can_fork
        assert desk.made == 2

    play(scenario)


def test_one_that_was_retired_holds_nobody_up(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.hold()
        await desk.learn("numpy")
        waiting = asyncio.ensure_future(desk.template.wait_until_made())
        await desk.world.advance()
        desk.template.retire("no location needs it")
        await desk.world.advance()
        assert waiting.done()
        assert desk.template.remaining_wait() == 0

    play(scenario)


def test_it_is_made_anew_after_the_death_of_the_keeper(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.learn("numpy")
        desk.world.launcher.lose_keeper()
        desk.world.launcher.new_keeper()
        await desk.world.advance()
        desk.template.keeper_lost()
        await desk.world.advance()
        assert desk.template.processes.can_fork
        assert desk.made == 2

    play(scenario)


def test_the_preloader_may_be_dropped_at_any_time(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        template = desk.template
        template.drop_preloader()
        template.preload("numpy")
        template.start_preloader()
        template.preload("numpy")
        await desk.world.advance()
        template.drop_preloader()
        template.drop_preloader()
        await desk.world.advance()
        assert not template.processes.can_fork
        template.spares.prepare(["/project/a.py"], 10)
        template.spares.compile_ahead(["/project/a.py"])
        await desk.world.advance()

    play(scenario)
