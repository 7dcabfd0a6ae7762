"""A location process keeps nothing and tells its end once, whatever happens in whatever order."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.daemon.loading.recorded_process import ENDS, RecordedProcess
from unit.daemon.world import LONG, World, a_spec, broken, code, play

from hostler.daemon.launching.fake_process import Code, Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.state.process import ProcessState
from hostler.host.wire import STACK_SIGNAL, Method

if TYPE_CHECKING:
    from collections.abc import Callable

HELD = Script(says_hello=False, hangs_in=frozenset({Method.LOAD, Method.PING}))


def end_with(status: ExitStatus) -> Callable[[RecordedProcess], None]:
    return lambda told: told.fake.end(status) if told.world.launcher.processes else None


def follow(**fields: object) -> Callable[[RecordedProcess], None]:
    """Changes how the process behaves."""

    def change(told: RecordedProcess) -> None:
        if told.world.launcher.processes:
            told.fake.follow(replace(told.fake.script, **fields))  # type: ignore[arg-type]

    return change


def load(what: Code) -> Callable[[RecordedProcess], None]:
    """Ends a load, or lets it end at once when it is ordered."""

    def change(told: RecordedProcess) -> None:
        if told.world.launcher.processes:
            if told.fake.code is None:
                told.fake.code = what
            told.fake.follow(Script(hangs_in=frozenset({Method.PING})))

    return change


def lose_keeper(told: RecordedProcess) -> None:
    told.world.launcher.lose_keeper()
    told.world.launcher.new_keeper()


HAPPENINGS: dict[str, Callable[[RecordedProcess], None]] = {
    "says hello": follow(says_hello=True),
    "loads": load(code()),
    "loads what is not for forks": load(code("sets", report={"variables": ["THREADS"]})),
    "raises": load(broken()),
    "answers pings": follow(hangs_in=frozenset()),
    "does not answer": follow(hangs_in=frozenset({Method.LOAD, Method.PING})),
    "ignores TERM": follow(ignores_term=True),
    "ends": end_with(ExitStatus(0, None)),
    "asks not to be restarted": end_with(ExitStatus(125, None)),
    "crashes": end_with(ExitStatus(None, signal.SIGSEGV)),
    "is killed": end_with(ExitStatus(None, signal.SIGKILL)),
    "is killed by the question": end_with(ExitStatus(None, STACK_SIGNAL)),
    "the keeper dies": lose_keeper,
    "is retired": RecordedProcess.retire,
    "is given up": RecordedProcess.abort,
}

#: What happens, and the seconds that pass after it; None where the next comes in the same turn.
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.sampled_from([None, 0.0, 0.5, 6.0, 40.0])),
    max_size=12,
)
Steps: TypeAlias = "list[tuple[str, float | None]]"


def check(told: RecordedProcess) -> None:
    """Nothing goes on that has no use, and what was told is told once."""
    process = told.process
    is_pinging = process._pings is not None
    assert is_pinging == (told.state is ProcessState.READY)
    if told.state not in (ProcessState.SPAWNED, ProcessState.LOADING):
        assert process.attempt._timer._timer is None, "a load timer of what does not load"
    assert process.is_ready == (told.state is ProcessState.READY)
    ends = [each for each in told.told if each in ENDS]
    assert len(ends) <= 1, "two ends were told"
    assert told.told.count("ready") <= 1
    assert "ready" not in told.told or ends in ([], ["died"])
    if told.state is ProcessState.DEAD:
        assert told.told.count("ended") == 1
        assert process.ended.is_set()
        assert told.world.launcher.owned_by("a/1") == []
        assert told.asked or len(ends) == 1, "it ended and nobody was told"
    else:
        assert "ended" not in told.told


@settings(max_examples=200, deadline=None)
@given(STEPS, st.booleans(), st.sampled_from([0.0, 5.0, 60.0]))
def test_it_keeps_nothing_and_its_end_is_told_once(
    steps: Steps, is_fork: bool, load_timeout: float
) -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = replace(HELD, says_hello=is_fork)
        told = RecordedProcess(world, a_spec(load_timeout=load_timeout), is_fork=is_fork)
        await world.advance()
        for happening, seconds in steps:
            HAPPENINGS[happening](told)
            if seconds is not None:
                await world.advance()
                check(told)
                await world.advance(seconds)
                check(told)
        told.abort()
        await world.advance(LONG)
        check(told)
        assert told.state is ProcessState.DEAD, "it waits for what will not come"
        assert world.launcher.alive == []
        assert world.clock.pending == ()

    play(scenario)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.booleans())
def test_without_an_order_it_loads_or_ends_in_the_end(steps: Steps, is_fork: bool) -> None:
    """Left alone it is ready, or it is dead and its observer knows."""

    async def scenario(world: World) -> None:
        world.launcher.script = replace(HELD, says_hello=is_fork)
        told = RecordedProcess(world, a_spec(load_timeout=60.0), is_fork=is_fork)
        await world.advance()
        for happening, seconds in steps:
            HAPPENINGS[happening](told)
            if seconds is not None:
                await world.advance(seconds)
        await world.advance(LONG)
        check(told)
        assert told.state in (ProcessState.READY, ProcessState.DEAD)

    play(scenario)
