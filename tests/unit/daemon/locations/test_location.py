"""A location with its workers and runs, in a world of fakes."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from typing import TYPE_CHECKING

import pytest
from unit.daemon.locations.recorded_location import RecordedLocation, play_location
from unit.daemon.world import SETTINGS, World, a_spec, code, play

from hostler.daemon.generations.kinds import PIPELINE, DefinitionKey
from hostler.daemon.generations.workers import RetiredError, WorkerDiedError
from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.locations.replicas import NoProcessError
from hostler.daemon.locations.standby import PAUSE_SECONDS
from hostler.daemon.processes.host_process import SILENT, HostProcess
from hostler.daemon.state.fork_policy import Source
from hostler.daemon.state.location import LOAD, Load, LocationEvent, Serving
from hostler.host.wire import Method

if TYPE_CHECKING:
    from typing import Any

    from hostler.daemon.launching.fake_process import FakeProcess

KEY = DefinitionKey(PIPELINE, "repo", "daily")
HANGS = Script(hangs_in=frozenset({Method.CALL}))


def ask(desk: RecordedLocation, function: str = "f") -> asyncio.Future[Any]:
    """Calls a function of the generation that serves."""
    generation = desk.location.generation
    assert generation is not None
    calls = desk.location.replicas.calls(generation)
    return asyncio.ensure_future(calls.call(function, KEY))


async def obtain(desk: RecordedLocation, owner: str = "run/1") -> HostProcess:
    """Gets a process for a run."""
    generation = desk.location.generation
    assert generation is not None
    run = desk.location.replicas.obtain(generation, "run", owner, SILENT, is_newest=True)
    getting = asyncio.ensure_future(run)
    await desk.world.advance()
    return await getting


def forks_of(desk: RecordedLocation, parent: FakeProcess) -> list[FakeProcess]:
    return [each for each in desk.world.launcher.alive if each.parent is parent]


def test_a_reader_is_answered_by_a_fork_that_is_kept() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        for _ in range(2):
            reading = ask(desk)
            await desk.world.advance()
            assert reading.result() == {}
            (worker,) = forks_of(desk, desk.current)
            assert worker.pid in desk.location.pids
        assert worker.received == [Method.CALL, Method.CALL]

    play_location(scenario)


def test_the_workers_of_the_generation_before_end_when_their_calls_have() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        before = desk.current
        reading = ask(desk)
        await desk.world.advance()
        desk.world.save(code("newer"))
        await desk.world.advance(5)
        assert desk.number == 2
        (worker,) = forks_of(desk, before)
        assert not reading.done()
        worker.follow(Script())
        await desk.world.advance()
        assert reading.result() == {}
        assert not worker.is_alive

    play_location(scenario)


def test_a_worker_that_dies_twice_fails_the_call() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = Script(dies_in={Method.CALL: ExitStatus(None, 11)})
        reading = ask(desk)
        await desk.world.advance(2)
        with pytest.raises(WorkerDiedError):
            reading.result()
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert len(desk.world.launcher.alive) == 1

    play_location(scenario)


def test_a_call_that_nobody_waits_for_takes_its_worker_along() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        reading = ask(desk)
        await desk.world.advance()
        (worker,) = forks_of(desk, desk.current)
        reading.cancel()
        await desk.world.advance()
        assert worker.status == ExitStatus(None, signal.SIGKILL)

    play_location(scenario)


@pytest.mark.parametrize("order", ["stop", "restart"])
def test_a_stop_and_a_restart_end_the_workers_at_once(order: str) -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        parent = desk.current
        reading = ask(desk)
        await desk.world.advance()
        getattr(desk.location, order)()
        await desk.world.advance(1)
        with pytest.raises(RetiredError):
            reading.result()
        assert forks_of(desk, parent) == []

    play_location(scenario)


def test_a_run_is_a_fork_and_another_one_waits_for_the_next_run() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        first = await obtain(desk)
        assert desk.location.replicas.standby_pid == 0
        await desk.world.advance(PAUSE_SECONDS)
        standby = desk.location.replicas.standby_pid
        assert standby
        second = await obtain(desk, "run/2")
        assert second.pid == standby
        await desk.world.advance(SETTINGS.run_standby)
        assert desk.location.replicas.standby_pid
        await desk.world.advance(1)
        assert desk.location.replicas.standby_pid == 0, "it waits for a while only"
        desk.location.stop()
        await desk.world.advance(2)
        assert first.pid in [each.pid for each in desk.world.launcher.alive], "runs go on"
        await desk.world.factory.kill(first)
        await desk.world.factory.kill(second)
        desk.check_stopped()

    play_location(scenario)


def test_a_generation_that_may_not_be_forked_is_loaded_anew_for_each_worker() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(code(report={"unsafe": ["it has a thread"]}))
        await desk.start()
        decision = desk.location.fork_decision
        assert (decision.source, decision.reason) == (Source.TEMPLATE, "it has a thread")
        reading = ask(desk)
        await desk.world.advance()
        assert reading.done()
        worker = desk.world.launcher.newest
        assert worker.received == [Method.OVERLAY, Method.LOAD, Method.CALL]
        assert worker.parent is None

    play_location(scenario)


def test_a_worker_that_cannot_be_had() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.current.follow(Script(hangs_in=frozenset({Method.FORK})))
        desk.world.launcher.script = Script(dies_in={Method.LOAD: ExitStatus(3, None)})
        reading = ask(desk)
        await desk.world.advance(10)
        with pytest.raises(NoProcessError):
            reading.result()
        assert desk.log_has("cannot fork process")

    play_location(scenario)


def test_a_late_import_joins_what_is_watched() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        reading = ask(desk)
        await desk.world.advance()
        assert reading.done()
        (worker,) = forks_of(desk, desk.current)
        worker.touch({"/project/late.py": "1"})
        await desk.world.advance()
        desk.world.watcher.change("/project/late.py", "2")
        await desk.world.advance(0.1)
        assert desk.number == 2

    play_location(scenario)


def test_a_fault_in_whoever_is_told_stops_nothing() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        def fault(*_: object) -> None:
            raise RuntimeError("a fault of the daemon's own")

        desk.location._on_change = fault
        await desk.start()
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert {event for event, _ in desk.world.journal.errors} == {"cannot tell of a change"}
        desk.world.journal.events.clear()

    play_location(scenario)


def test_an_undeclared_event_is_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so fails every test of this folder."""
    here = LOAD.states[Load.CURRENT]
    hole = dataclasses.replace(here, ignores=here.ignores - {LocationEvent.START})
    holed = dataclasses.replace(LOAD, states={**LOAD.states, Load.CURRENT: hole})
    monkeypatch.setattr("hostler.daemon.locations.load_region.LOAD", holed)

    async def scenario(world: World) -> None:
        desk = RecordedLocation(world, a_spec())
        await desk.start()
        desk.location.start()
        desk.location.start()
        with pytest.raises(AssertionError):
            world.check()
        ((event, values),) = world.journal.errors
        assert event == "a state table does not declare an event"
        assert values == {
            "table": "Location: load",
            "state": "current",
            "event_name": "start",
        }
        assert desk.states == (Load.CURRENT, Serving.UP)
        world.journal.events.clear()

    play(scenario)
