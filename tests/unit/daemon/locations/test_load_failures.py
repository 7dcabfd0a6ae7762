"""Loads of a location that fail, and forks that will not do, in a world of fakes."""

from __future__ import annotations

import signal

import pytest
from unit.daemon.locations.recorded_location import RecordedLocation, play_location
from unit.daemon.world import SETTINGS, a_spec, broken, code

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.loading.load_timer import STACK_SECONDS
from hostler.daemon.state.location import Load, Serving, Status
from hostler.daemon.templates.environment import FORK_PATIENCE_SECONDS
from hostler.host.wire import Method

HANGS = Script(hangs_in=frozenset({Method.LOAD}))
HOLD = SETTINGS.failure_hold


def test_a_failure_is_held_back_for_a_moment() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.told.clear()
        desk.world.save(broken())
        await desk.world.advance(HOLD - 0.01)
        assert desk.states == (Load.HELD, Serving.UP)
        assert desk.statuses == [Status.RELOADING]
        desk.check()
        await desk.world.advance(0.02)
        assert desk.states == (Load.BACKOFF, Serving.UP)
        assert desk.statuses == [Status.RELOADING, Status.BACKOFF]
        assert desk.location.error is not None
        assert desk.told[-1].reason == desk.location.error.message == "broken: NameError"
        assert desk.number == 1, "the last good generation answers"

    play_location(scenario)


def test_a_failure_that_the_rest_of_the_save_mends_is_told_to_nobody() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.save(broken())
        await desk.world.advance(HOLD - 0.01)
        desk.world.save(code("whole"))
        await desk.world.advance(1)
        assert desk.number == 2
        assert not {Status.BACKOFF, Status.FAILED} & {*desk.statuses}
        assert desk.location.error is None
        desk.check()

    play_location(scenario)


def test_a_failure_is_tried_again_after_growing_delays() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(broken())
        await desk.start()
        load = desk.location.load
        processes = desk.world.launcher.processes
        for delay in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]:
            await desk.world.advance(HOLD)
            assert desk.states == (Load.BACKOFF, Serving.NONE)
            before = len(processes)
            assert load.retry_time is not None
            left = load.retry_time - desk.world.clock.time()
            assert delay - HOLD - 0.06 <= left <= delay
            desk.check()
            await desk.world.advance(left + 0.001)
            assert len(processes) == before + 1
        desk.world.put(code())
        await desk.world.advance(31)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.location.error is None

    play_location(scenario)


def test_a_save_begins_the_back_off_anew() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(broken())
        await desk.start()
        await desk.world.advance(10)
        desk.world.save(broken("still broken"))
        await desk.world.advance(HOLD)
        assert desk.location.load.state is Load.BACKOFF
        await desk.world.advance(SETTINGS.restart_first_delay - 0.01)
        before = len(desk.world.launcher.processes)
        await desk.world.advance(0.02)
        assert len(desk.world.launcher.processes) == before + 1

    play_location(scenario)


def test_a_start_ends_the_back_off() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(broken())
        await desk.start()
        await desk.world.advance(10)
        desk.world.put(code())
        await desk.start()
        assert desk.states == (Load.CURRENT, Serving.UP)

    play_location(scenario)


def test_what_only_an_edit_mends_is_not_tried_again() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(broken(permanent=True))
        await desk.start()
        await desk.world.advance(HOLD)
        assert desk.states == (Load.FAILED, Serving.NONE)
        assert desk.statuses == [Status.STARTING, Status.FAILED]
        started = len(desk.world.launcher.processes)
        await desk.world.advance(600)
        assert len(desk.world.launcher.processes) == started
        desk.world.save(code("mended"))
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)

    play_location(scenario)


def test_an_executable_that_comes_is_a_reason_to_try_again() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        launcher = desk.world.launcher
        launcher.refusals["/gone/python"] = ("exec", 2)
        await desk.start()
        await desk.world.advance(1)
        assert desk.states == (Load.FAILED, Serving.NONE)
        assert desk.location.error is not None
        assert desk.location.error.kind == "EXECUTABLE"
        launcher.refusals.clear()
        desk.world.watcher.change("/gone/python", "1")
        await desk.world.advance(1)
        assert desk.states == (Load.CURRENT, Serving.UP)

    play_location(scenario, a_spec(executable="/gone/python"))


def test_code_that_asks_not_to_be_restarted_is_left_alone() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.launcher.script = Script(dies_in={Method.LOAD: ExitStatus(125, None)})
        await desk.start()
        await desk.world.advance(600)
        assert desk.states == (Load.FAILED, Serving.NONE)
        assert len(desk.world.launcher.processes) == 1

    play_location(scenario)


# Forks that will not do


def test_a_fork_that_is_unfit_is_followed_by_a_new_interpreter_from_then_on() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        sets = {"variables": ["THREADS"]}
        desk.world.save(code("sets", report=sets))
        await desk.world.advance(0.1)
        assert desk.number == 2
        assert desk.told[-1].now is Status.READY
        serving = desk.location.serving.current
        assert serving is not None
        assert serving.fork_decision.reason == "the code sets THREADS when it is imported"
        assert desk.log_has("not by a fork: the code sets THREADS")
        made = len(desk.world.launcher.processes)
        desk.world.save(code("sets on", report=sets))
        await desk.world.advance(0.1)
        assert desk.number == 3
        assert len(desk.world.launcher.processes) == made + 1, "no fork was tried"
        desk.check()

    play_location(scenario)


def test_a_fork_that_hangs_is_followed_by_a_new_interpreter() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        desk.world.save(code("locks"))
        await desk.world.advance(0.1)
        hung = desk.candidate
        desk.world.launcher.script = Script()
        hung.follow(HANGS)
        await desk.world.advance(FORK_PATIENCE_SECONDS - 0.2)
        assert desk.candidate is hung
        await desk.world.advance(0.2 + STACK_SECONDS)
        assert desk.number == 2
        assert not hung.is_alive
        serving = desk.location.serving.current
        assert serving is not None
        assert not serving.fork_decision.is_fork
        assert "a fork failed: it was not ready within 5 s" in serving.fork_decision.reason
        desk.check()

    play_location(scenario)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_fork_that_dies_is_no_failure_of_the_code(number: int) -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.told.clear()
        desk.world.launcher.script = HANGS
        desk.world.save(code("crashes"))
        await desk.world.advance(0.1)
        desk.world.launcher.script = Script()
        desk.candidate.end(ExitStatus(None, number))
        await desk.world.advance(0.1)
        assert desk.number == 2
        assert desk.statuses == [Status.RELOADING, Status.READY]
        desk.check()

    play_location(scenario)
