"""A location keeps its promises whatever happens in whatever order."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.daemon.locations.recorded_location import RecordedLocation, play_location
from unit.daemon.locations.test_location import ask, obtain
from unit.daemon.world import FILE, LONG, a_spec, broken, code

from hostler.daemon.launching.fake_process import Code, Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.state.location import Load, Serving, Status
from hostler.daemon.workspace.text.models import Health
from hostler.host.wire import STACK_SIGNAL, Method

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostler.daemon.loading.location_process import LocationProcess

SPEC = a_spec(health=Health(interval=5.0, timeout=1.0, failures=1), load_timeout=20.0)
HELD = Script(hangs_in=frozenset({Method.LOAD}))
SILENT = Script(hangs_in=frozenset({Method.PING}))
SETS = {"variables": ["THREADS"]}
MANY = [f"/project/{number}.py" for number in range(10)]

Happening: TypeAlias = "Callable[[RecordedLocation], object]"


def versions(desk: RecordedLocation) -> str:
    """Returns another name for each save."""
    return f"v{len(desk.world.launcher.codes)}-{desk.world.clock.monotonic()}-{len(desk.told)}"


def save(found: Code, paths: Sequence[str] = (FILE,)) -> Happening:
    """Writes some files; what is found in them is another version of the code."""

    def happen(desk: RecordedLocation) -> None:
        name = versions(desk)
        files = {**desk.world.launcher.disk.files, **dict.fromkeys(paths, name)}
        desk.world.save(replace(found, name=name, files=files))

    return happen


def hold_loads(desk: RecordedLocation) -> None:
    desk.world.launcher.script = HELD


def let_all_go_on(desk: RecordedLocation) -> None:
    desk.world.launcher.script = Script()
    for process in desk.world.launcher.alive:
        process.follow(Script())


def end(which: str, status: ExitStatus) -> Happening:
    """Ends the candidate, the current process or the successor, if there is one."""

    def happen(desk: RecordedLocation) -> None:
        process = process_of(desk, which)
        if process is not None and process.host is not None:
            desk.fake_of(process).end(status)

    return happen


def silence(desk: RecordedLocation) -> None:
    process = process_of(desk, "current")
    if process is not None and process.host is not None:
        desk.fake_of(process).follow(SILENT)


def process_of(desk: RecordedLocation, which: str) -> LocationProcess | None:
    if which == "candidate":
        return desk.location.load.candidate
    serving = desk.location.serving
    return serving.current if which == "current" else serving.successor


def lose_keeper(desk: RecordedLocation) -> None:
    desk.world.launcher.lose_keeper()
    desk.world.launcher.new_keeper()


def read(desk: RecordedLocation) -> None:
    """Has a worker asked; whatever becomes of that is the reader's."""
    if desk.location.generation is not None:
        ask(desk).add_done_callback(lambda done: done.cancelled() or done.exception())


def change_entry(**fields: Any) -> Happening:
    return lambda desk: desk.location.change_spec(
        a_spec(health=SPEC.health, load_timeout=SPEC.load_timeout, **fields)
    )


CRASH, KILL = ExitStatus(None, signal.SIGSEGV), ExitStatus(None, signal.SIGKILL)

HAPPENINGS: dict[str, Happening] = {
    "start": lambda desk: desk.location.start(),
    "stop": lambda desk: desk.location.stop(),
    "reload": lambda desk: desk.location.reload(),
    "restart": lambda desk: desk.location.restart(),
    "its entry changes": change_entry(fork="never"),
    "its entry changes back": change_entry(),
    "its files are not watched": change_entry(reload=False),
    "packages change": lambda desk: desk.location.packages_changed("numpy"),
    "a save": save(code()),
    "a save of what is not for forks": save(code(report=SETS)),
    "a save of what forks do not inherit": save(code(report={"unsafe": ["a thread"]})),
    "a broken save": save(broken()),
    "a save that only an edit mends": save(broken(permanent=True)),
    "many saves": save(code(), MANY),
    "many broken saves": save(broken(), MANY),
    "loads take long": hold_loads,
    "all go on": let_all_go_on,
    "the candidate crashes": end("candidate", CRASH),
    "the candidate is killed": end("candidate", KILL),
    "the candidate asks for a stop": end("candidate", ExitStatus(125, None)),
    "the candidate is killed by the question": end("candidate", ExitStatus(None, STACK_SIGNAL)),
    "the process crashes": end("current", CRASH),
    "the process asks for a stop": end("current", ExitStatus(125, None)),
    "the process does not answer": silence,
    "the successor crashes": end("successor", CRASH),
    "the successor asks for a stop": end("successor", ExitStatus(125, None)),
    "the keeper dies": lose_keeper,
    "somebody reads": read,
}

#: These happen more often than others: they lead to states in which the others matter.
OFTEN = ["a save", "many saves", "loads take long", "all go on"]

#: What happens, and the seconds that pass after it; None where the next comes in the same turn.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*sorted(HAPPENINGS), *OFTEN, *OFTEN]),
        st.sampled_from([None, 0.0, 0.03, 0.1, 2.0, 30.0]),
    ),
    max_size=15,
)
Steps: TypeAlias = "list[tuple[str, float | None]]"


async def begin(desk: RecordedLocation) -> None:
    """Starts it with code in several files."""
    desk.world.put(code(files=dict.fromkeys([FILE, *MANY], "good")))
    await desk.start()


async def happen(desk: RecordedLocation, steps: Steps) -> None:
    """Has all happen; after each, nothing waits in vain, and only a stop takes the good code."""
    for what, seconds in steps:
        had_generation = desk.location.generation is not None
        HAPPENINGS[what](desk)
        if seconds is not None:
            await desk.world.advance()
            desk.check()
            await desk.world.advance(seconds)
            desk.check()
        if had_generation and desk.location.generation is None:
            assert desk.location.load.state is Load.STOPPED, "a good generation is gone"
        if desk.told and seconds:
            assert desk.told[-1].now is desk.location.status, "a change was not told"


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_it_never_waits_for_what_will_not_come_and_a_stop_leaves_nothing(steps: Steps) -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await begin(desk)
        await happen(desk, steps)
        desk.location.stop()
        await desk.world.advance()
        desk.check()
        desk.world.environments.close()
        await desk.world.advance(LONG)
        desk.check_stopped()

    play_location(scenario, SPEC)


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_left_alone_with_good_code_it_serves_that(steps: Steps) -> None:
    """Whatever came before: once loads succeed, the newest code serves."""

    async def scenario(desk: RecordedLocation) -> None:
        await begin(desk)
        await happen(desk, steps)
        await desk.world.advance()
        let_all_go_on(desk)
        save(code(), [FILE, *MANY])(desk)
        repaired = desk.world.launcher.disk.files
        if desk.location.load.state is Load.STOPPED:
            desk.location.start()
        elif not desk.location.spec.reload:
            desk.location.reload()
        await desk.world.advance(LONG)
        desk.check()
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.location.status is Status.READY
        assert desk.location.generation is not None
        assert desk.location.generation.files == repaired
        run = await obtain(desk)
        await desk.world.factory.kill(run)

    play_location(scenario, SPEC)
