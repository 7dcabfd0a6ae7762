"""Each situation of a location, and what each event leads to from there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.daemon.locations.recorded_location import RecordedLocation, play_location
from unit.daemon.locations.test_location_events import (
    HAPPENINGS,
    HELD,
    KILL,
    MANY,
    SPEC,
    let_all_go_on,
    silence,
)
from unit.daemon.world import FILE, LONG, SETTINGS

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.locations.processes import RENEWAL_SECONDS
from hostler.daemon.state.location import Load, Serving, Status


async def bring_serving(desk: RecordedLocation, state: Serving) -> None:
    """Brings the process that serves into a state, while the newest code serves."""
    world = desk.world
    if state is Serving.NONE:
        return
    if state is Serving.RENEWING:
        world.put(replace(world.launcher.disk, report={"unsafe": ["it has a thread"]}))
    await desk.start()
    if state is Serving.RENEWING:
        world.launcher.script = HELD
        await world.advance(RENEWAL_SECONDS)
    if state is Serving.REVIVING:
        await world.advance(SETTINGS.stable_after)
    if state in (Serving.REVIVING, Serving.REPLACING):
        world.launcher.script = HELD
    if state is Serving.REPLACING:
        silence(desk)
        await world.advance(SPEC.health.interval + SPEC.health.timeout)
    if state in (Serving.REVIVING, Serving.LAPSED):
        desk.current.end(KILL)
        await world.advance()
    if state in (Serving.REVIVING, Serving.REPLACING, Serving.RENEWING):
        desk.successor.follow(HELD)
    world.launcher.script = Script()


async def bring_load(desk: RecordedLocation, state: Load) -> None:
    """Brings the load of the newest code into a state."""
    world = desk.world
    if state in (Load.LOADING, Load.OUTDATED, Load.DEBOUNCING):
        world.launcher.script = HELD
    failure = {
        Load.HELD: "a broken save",
        Load.BACKOFF: "a broken save",
        Load.FAILED: "a save that only an edit mends",
    }
    if state is Load.CURRENT or (state is Load.STOPPED):
        return
    HAPPENINGS[failure.get(state, "a save")](desk)
    if desk.location.load.state is Load.STOPPED:
        desk.location.start()
    await world.advance(0.03)
    if state in (Load.OUTDATED, Load.DEBOUNCING):
        desk.candidate.touch(world.launcher.disk.files)
        await world.advance(0.03)
    if state is Load.OUTDATED:
        HAPPENINGS["a save"](desk)
    if state is Load.DEBOUNCING:
        HAPPENINGS["many saves"](desk)
    if state in (Load.BACKOFF, Load.FAILED):
        await world.advance(SETTINGS.failure_hold)


async def bring(desk: RecordedLocation, load: Load, serving: Serving) -> None:
    """Brings a location into a situation."""
    files = dict.fromkeys([FILE, *MANY], "good")
    desk.world.put(replace(desk.world.launcher.disk, files=files))
    if serving is Serving.AWAITING:
        await desk.start()
        desk.world.launcher.script = HELD
        desk.location.restart()
        await desk.world.advance(0.03)
        if load is Load.OUTDATED:
            HAPPENINGS["a save"](desk)
        if load is Load.DEBOUNCING:
            HAPPENINGS["many saves"](desk)
    else:
        await bring_serving(desk, serving)
        await bring_load(desk, load)
    assert desk.states == (load, serving)
    desk.check()


LOADS = [*(Load.LOADING, Load.OUTDATED, Load.DEBOUNCING), *(Load.HELD, Load.BACKOFF, Load.FAILED)]
SITUATIONS = [
    (Load.STOPPED, Serving.NONE),
    *[(load, Serving.NONE) for load in LOADS],
    *[(load, Serving.AWAITING) for load in LOADS[:3]],
    *[
        (load, serving)
        for serving in Serving
        if serving not in (Serving.NONE, Serving.AWAITING)
        for load in [Load.CURRENT, *LOADS]
    ],
]

WHAT = [
    *("start", "stop", "reload", "restart", "many saves", "the keeper dies"),
    *("the candidate crashes", "the successor crashes"),
    *("the process crashes", "the process asks for a stop"),
]


def test_the_situations_have_each_state_of_both_regions() -> None:
    assert {load for load, _ in SITUATIONS} == set(Load)
    assert {serving for _, serving in SITUATIONS} == set(Serving)


@pytest.mark.parametrize(("load", "serving"), SITUATIONS, ids=lambda state: state.name.lower())
def test_nothing_that_happens_leaves_it_waiting(load: Load, serving: Serving) -> None:
    for what in WHAT:

        async def scenario(desk: RecordedLocation, what: str = what) -> None:
            await bring(desk, load, serving)
            had_generation = desk.location.generation is not None
            HAPPENINGS[what](desk)
            desk.check()
            await desk.world.advance(0.01)
            desk.check()
            is_stop = what in ("stop", "the process asks for a stop")
            if had_generation and not is_stop:
                assert desk.location.generation is not None
            desk.location.stop()
            desk.check()
            desk.world.environments.close()
            await desk.world.advance(LONG)
            desk.check_stopped()

        play_location(scenario, SPEC)


@pytest.mark.parametrize(("load", "serving"), SITUATIONS, ids=lambda state: state.name.lower())
def test_left_alone_it_comes_to_rest_and_serves(load: Load, serving: Serving) -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await bring(desk, load, serving)
        let_all_go_on(desk)
        HAPPENINGS["a save"](desk)  # the repair
        if load is Load.STOPPED:
            desk.location.start()
        await desk.world.advance(LONG)
        desk.check()
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.location.status is Status.READY
        assert desk.location.generation is not None
        assert desk.location.generation.files == desk.world.launcher.disk.files

    play_location(scenario, SPEC)
