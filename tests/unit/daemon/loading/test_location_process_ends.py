"""A location process that serves, and one that is given up, in a world of fakes."""

from __future__ import annotations

import asyncio
import signal

import pytest
from unit.daemon.loading.recorded_process import RecordedProcess
from unit.daemon.world import SETTINGS, World, broken, code, play

from hostler.daemon.launching.fake_process import Code, Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.state.process import ProcessState
from hostler.host.wire import Method

HANGS = Script(hangs_in=frozenset({Method.LOAD}))
KILLED = ExitStatus(None, signal.SIGKILL)
SEGFAULT = ExitStatus(None, signal.SIGSEGV)


# While it serves


def test_a_process_that_dies_while_it_serves() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world)
        await world.advance(5)
        told.fake.end(SEGFAULT)
        await world.advance()
        assert sorted(told.told) == ["died", "ended", "ready"]
        assert told.status == SEGFAULT
        assert world.clock.pending == ()

    play(scenario)


def test_pings_that_stay_without_an_answer_are_told_once_for_each_silence() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world)
        await world.advance()
        told.fake.follow(Script(hangs_in=frozenset({Method.PING})))
        await world.advance(3 * 13 - 1)
        assert told.told == ["ready"]
        await world.advance(13)
        assert told.told == ["ready", "unhealthy"]
        await world.advance(5 * 13)
        assert told.told == ["ready", "unhealthy"]
        told.fake.follow(Script())
        await world.advance(20)
        assert told.process.is_ready
        told.fake.follow(Script(hangs_in=frozenset({Method.PING})))
        await world.advance(4 * 13)
        assert told.told == ["ready", "unhealthy", "unhealthy"]

    play(scenario)


def test_a_process_that_loses_its_wire_is_killed_at_the_next_ping() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world)
        await world.advance()
        told.fake.follow(Script(hangs_in=frozenset({Method.CALL})))
        assert told.process.host is not None
        call = asyncio.ensure_future(told.process.host.channel.request(Method.CALL, b"{}"))
        await world.advance()
        told.fake.close_wire()
        await world.advance(12)
        assert sorted(told.told) == ["died", "ended", "ready"]
        assert told.status == KILLED
        await asyncio.gather(call, return_exceptions=True)

    play(scenario)


def test_one_that_is_retired_ends_when_its_calls_have() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world)
        await world.advance()
        told.fake.follow(Script(hangs_in=frozenset({Method.CALL})))
        assert told.process.host is not None
        call = asyncio.ensure_future(told.process.host.channel.request(Method.CALL, b"{}"))
        await world.advance()
        told.retire()
        await world.advance(SETTINGS.drain - 1)
        assert told.fake.is_alive
        told.fake.follow(Script())
        await world.advance()
        assert call.done()
        assert told.told == ["ready", "ended"]

    play(scenario)


def test_one_that_is_retired_ends_when_its_calls_have_had_their_time() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world)
        await world.advance()
        told.fake.follow(Script(hangs_in=frozenset({Method.CALL}), ignores_term=True))
        assert told.process.host is not None
        call = asyncio.ensure_future(told.process.host.channel.request(Method.CALL, b"{}"))
        await world.advance()
        told.retire()
        await world.advance(SETTINGS.drain)
        assert told.fake.is_alive, "it has the stop grace"
        await world.advance(SETTINGS.stop_grace)
        assert told.fake.status == KILLED
        assert told.told == ["ready", "ended"]
        await asyncio.gather(call, return_exceptions=True)

    play(scenario)


# One that is given up


@pytest.mark.parametrize("script", [HANGS, Script(says_hello=False)])
def test_one_that_is_given_up_before_it_is_ready_is_killed(script: Script) -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = script
        told = RecordedProcess(world)
        await world.advance()
        told.abort()
        await world.advance()
        assert told.told == ["ended"]
        assert told.fake.status == KILLED
        await world.advance(2)
        assert world.clock.pending == (), "its load timer is not armed any more"

    play(scenario)


@pytest.mark.parametrize(
    "found",
    [code(), broken(), code(report={"fresh": ["it is not for forks"]})],
    ids=lambda c: c.name,
)
@pytest.mark.parametrize("is_fork", [True, False])
def test_the_outcome_of_a_load_that_was_given_up_in_the_same_turn_is_told_to_nobody(
    found: Code, is_fork: bool
) -> None:
    async def scenario(world: World) -> None:
        world.put(found)
        world.launcher.script = HANGS
        told = RecordedProcess(world, is_fork=is_fork)
        await world.advance()
        told.fake.follow(Script())
        told.abort()
        await world.advance()
        assert told.told == ["ended"]

    play(scenario)


def test_one_that_is_given_up_while_it_waits_for_its_slot() -> None:
    async def scenario(world: World) -> None:
        for _ in range(SETTINGS.parallel_starts):
            await world.context.slots.acquire()
        told = RecordedProcess(world)
        await asyncio.sleep(0)
        told.abort()
        await world.advance(5)
        assert told.told == ["ended"]
        assert world.launcher.processes == []

    play(scenario)


def test_one_that_is_given_up_while_the_keeper_makes_it() -> None:
    async def scenario(world: World) -> None:
        world.launcher.lose_keeper()
        told = RecordedProcess(world)
        await world.advance()
        told.abort()
        assert told.state is ProcessState.DRAINING
        world.launcher.new_keeper()
        await world.advance()
        assert told.told == ["ended"]
        assert world.launcher.alive == []

    play(scenario)


def test_the_keeper_takes_it_along() -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = HANGS
        told = RecordedProcess(world)
        await world.advance()
        world.launcher.lose_keeper()
        world.launcher.new_keeper()
        await world.advance()
        assert sorted(told.told) == ["died", "ended"]
        assert told.status is not None
        assert told.status.keeper_died

    play(scenario)
