"""How a location keeps its last good generation served, in a world of fakes."""

from __future__ import annotations

import signal

import pytest
from unit.daemon.locations.recorded_location import RecordedLocation, play_location
from unit.daemon.world import FILE, SETTINGS, a_spec, broken, code

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.locations.processes import ANSWER_SECONDS
from hostler.daemon.state.location import Load, Serving, Status
from hostler.daemon.workspace.text.models import Health
from hostler.host.wire import Method

HANGS = Script(hangs_in=frozenset({Method.LOAD}))
SILENT = Script(hangs_in=frozenset({Method.PING}))
KILLED = ExitStatus(None, signal.SIGKILL)
STABLE = SETTINGS.stable_after

#: Silence is noticed within two seconds.
QUICK = a_spec(health=Health(interval=1.0, timeout=0.5, failures=1))


def seconds_to_revival(desk: RecordedLocation) -> float:
    time = desk.location.serving.retry_time
    assert time is not None
    return time - desk.world.clock.time()


def test_a_process_that_dies_is_revived_from_the_sources_that_it_had_loaded() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(STABLE)
        desk.told.clear()
        dead = desk.current
        desk.world.save(broken())  # the disk holds something that does not load
        await desk.world.advance(1)
        dead.end(KILLED)
        await desk.world.advance(0.1)
        assert desk.states[1] is Serving.UP
        assert desk.current is not dead
        assert desk.current.received[:2] == [Method.OVERLAY, Method.LOAD]
        assert desk.current.code is not None
        assert desk.current.code.name == "good"
        assert desk.number == 1
        assert desk.location.serving.losses == 1
        assert desk.location.generation is not None
        assert desk.location.generation.files == {FILE: "good"}
        assert "its process died: killed by SIGKILL" in [told.reason for told in desk.told]
        assert desk.log_has("killed by SIGKILL")
        desk.check()

    play_location(scenario)


def test_while_it_is_revived_the_location_is_reloading() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(STABLE)
        desk.told.clear()
        desk.world.launcher.script = HANGS
        desk.current.end(KILLED)
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.REVIVING)
        desk.check()
        desk.successor.follow(Script())
        await desk.world.advance(0.1)
        assert desk.statuses == [Status.RELOADING, Status.READY]

    play_location(scenario)


def test_a_process_that_dies_at_once_is_revived_after_growing_delays() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        serving = desk.location.serving
        for before, delay in enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]):
            desk.current.end(KILLED)
            await desk.world.advance()
            assert desk.states == (Load.CURRENT, Serving.LAPSED)
            assert desk.location.status is Status.BACKOFF
            assert seconds_to_revival(desk) == pytest.approx(delay)
            assert serving.losses == before + 1
            desk.check()
            await desk.world.advance(delay - 0.01)
            assert serving.state is Serving.LAPSED
            await desk.world.advance(0.02)
            assert desk.states == (Load.CURRENT, Serving.UP)
        await desk.world.advance(SETTINGS.restart_reset_after + 1)
        desk.current.end(KILLED)
        await desk.world.advance(0.1)
        desk.current.end(KILLED)
        await desk.world.advance()
        assert seconds_to_revival(desk) == pytest.approx(0.5), "begun anew"

    play_location(scenario)


def test_a_revival_that_fails_is_shown_and_tried_again() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(STABLE)
        crash = Script(dies_in={Method.LOAD: ExitStatus(3, None)})
        desk.world.launcher.script = crash
        desk.current.end(KILLED)
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.LAPSED)
        assert desk.error() == "the process ended while it loaded: exit code 3"
        desk.check()
        desk.world.launcher.script = Script()
        await desk.world.advance(1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.error() == ""
        assert desk.number == 1

    play_location(scenario)


def test_a_revival_by_a_fork_that_crashes_is_one_by_a_new_interpreter() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(STABLE)
        desk.world.launcher.script = HANGS
        desk.current.end(KILLED)
        await desk.world.advance(0.1)
        desk.world.launcher.script = Script()
        desk.successor.end(ExitStatus(None, signal.SIGSEGV))
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.location.serving.current is not None
        assert not desk.location.serving.current.fork_decision.is_fork
        assert desk.number == 1
        desk.check()

    play_location(scenario)


def test_a_process_that_does_not_answer_is_kept_until_another_one_is_ready() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        silent = desk.current
        silent.follow(SILENT)
        desk.world.launcher.script = HANGS
        await desk.world.advance(2)
        assert desk.states == (Load.CURRENT, Serving.REPLACING)
        assert desk.location.status is Status.READY
        assert desk.current is silent
        desk.check()
        desk.world.launcher.script = Script()
        desk.successor.follow(Script())
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.current is not silent
        assert not silent.is_alive
        desk.check()

    play_location(scenario, QUICK)


def test_a_process_that_falls_silent_again_is_replaced_once() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        silent = desk.current
        silent.follow(SILENT)
        desk.world.launcher.script = HANGS
        await desk.world.advance(2)
        for script in (Script(), SILENT):
            silent.follow(script)
            await desk.world.advance(1.4)
        assert desk.states == (Load.CURRENT, Serving.REPLACING)
        assert desk.location.serving.losses == 1
        desk.check()

    play_location(scenario, QUICK)


def test_a_process_that_dies_while_it_is_replaced() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.current.follow(SILENT)
        desk.world.launcher.script = HANGS
        await desk.world.advance(2)
        desk.current.end(KILLED)
        await desk.world.advance()
        assert desk.states == (Load.CURRENT, Serving.REVIVING)
        desk.check()
        desk.successor.follow(Script())
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)

    play_location(scenario, QUICK)


def test_a_process_that_asks_not_to_be_restarted_stops_the_location() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(STABLE)
        desk.current.exit(SETTINGS.no_restart_code)
        await desk.world.advance(2)
        assert desk.states == (Load.STOPPED, Serving.NONE)
        assert desk.location.status is Status.STOPPED
        assert desk.told[-2].reason == "its process asked for it: exit code 125"
        assert desk.location.generation is None

    play_location(scenario)


def test_a_newer_generation_takes_the_place_of_a_revival() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(STABLE)
        desk.world.launcher.script = HANGS
        desk.current.end(KILLED)
        await desk.world.advance(0.1)
        successor = desk.successor
        successor.follow(HANGS)
        desk.world.launcher.script = Script()
        desk.world.save(code("newer"))
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.number == 2
        assert not successor.is_alive
        desk.check()

    play_location(scenario)


def test_a_newer_generation_disarms_a_revival_that_waits() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.current.end(KILLED)
        await desk.world.advance()
        assert desk.location.serving.state is Serving.LAPSED
        desk.world.save(code("newer"))
        await desk.world.advance(0.1)
        assert desk.number == 2
        started = len(desk.world.launcher.processes)
        await desk.world.advance(60)
        assert len(desk.world.launcher.processes) == started
        desk.check()

    play_location(scenario)


def test_the_process_before_ends_once_the_answers_of_the_new_one_are_read() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        before = desk.current
        desk.world.save(code("newer"))
        await desk.world.advance()
        assert desk.number == 2
        assert before.is_alive
        await desk.world.advance(ANSWER_SECONDS)
        assert before.status == ExitStatus(0, None), "it ends by itself"

    play_location(scenario)


# Restarts, stops and the keeper


def test_a_restart_ends_the_process_and_keeps_the_definitions_answered() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        before = desk.current
        desk.world.launcher.script = HANGS
        desk.location.restart()
        await desk.world.advance(0.1)
        assert not before.is_alive
        assert desk.states == (Load.LOADING, Serving.AWAITING)
        assert desk.number == 1
        desk.check()
        desk.candidate.follow(Script())
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.number == 2

    play_location(scenario)


def test_a_restart_whose_load_fails_brings_the_last_good_generation_back() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.put(broken())
        desk.location.restart()
        await desk.world.advance(0.2)
        assert desk.states == (Load.BACKOFF, Serving.UP)
        assert desk.number == 1
        assert desk.current.code is not None
        assert desk.current.code.name == "good"
        desk.check()

    play_location(scenario)


@pytest.mark.parametrize("serving", [Serving.UP, Serving.REVIVING, Serving.LAPSED])
def test_a_restart_leaves_no_revival_behind(serving: Serving) -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        if serving is Serving.REVIVING:
            await desk.world.advance(STABLE)
            desk.world.launcher.script = HANGS
        if serving is not Serving.UP:
            desk.current.end(KILLED)
        await desk.world.advance(0.01)
        assert desk.location.serving.state is serving
        desk.world.launcher.script = Script()
        desk.location.restart()
        await desk.world.advance(60)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert len(desk.world.launcher.alive) == 1
        desk.check()

    play_location(scenario)


def test_a_stop_takes_the_last_good_generation_away() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.told.clear()
        desk.location.stop()
        assert desk.location.generation is None
        await desk.location.ended()
        await desk.world.advance(2)
        assert desk.statuses == [Status.STOPPING, Status.STOPPED]
        desk.check_stopped()
        await desk.start()
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.number == 2, "generations are counted on"

    play_location(scenario)


def test_the_death_of_the_keeper_is_followed_by_a_revival() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.save(broken())
        await desk.world.advance(0.2)
        desk.world.launcher.lose_keeper()
        await desk.world.advance(0.2)
        assert desk.number == 1
        desk.world.launcher.new_keeper()
        await desk.world.advance(0.2)
        assert desk.states[1] is Serving.UP
        assert desk.current.is_alive
        assert desk.number == 1
        desk.check()

    play_location(scenario)


@pytest.mark.parametrize("serving", [Serving.REVIVING, Serving.REPLACING, Serving.LAPSED])
def test_the_death_of_the_keeper_while_the_process_is_not_what_it_was(serving: Serving) -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        if serving is Serving.REVIVING:
            await desk.world.advance(STABLE)
        if serving is Serving.REPLACING:
            desk.current.follow(SILENT)
        desk.world.launcher.script = HANGS
        if serving is not Serving.REPLACING:
            desk.current.end(KILLED)
        await desk.world.advance(2 if serving is Serving.REPLACING else 0.01)
        assert desk.location.serving.state is serving
        desk.world.launcher.lose_keeper()
        desk.world.launcher.script = Script()
        desk.world.launcher.new_keeper()
        await desk.world.advance(1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.number == 1
        desk.check()

    play_location(scenario, QUICK)
