"""The supervisor keeps the locations as the files have them, whatever happens in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.daemon.supervision.supervised import Supervised, play_supervised
from unit.daemon.world import LONG, broken, code

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.launching.fake_process import FakeProcess

FOLDER = "/venv/site-packages"
REPORT = {"packages": {"folders": [FOLDER], "configuration": None}, "imports": ["numpy"]}
LOCATIONS = ("a", "b", "b, env: {X: 1}", "c, reload: false", "c, fork: never", "d, load_timeout: 3")


def scripted(method: int) -> Callable[[Supervised], None]:
    """Has processes hang in a method from now on."""

    def happen(desk: Supervised) -> None:
        desk.world.launcher.script = Script(hangs_in=frozenset({method}))

    return happen


def all_goes_well(desk: Supervised) -> None:
    desk.world.launcher.script = Script()
    for process in desk.world.launcher.alive:
        process.follow(Script())


def write(*locations: str) -> Callable[[Supervised], None]:
    return lambda desk: desk.write(*locations)


def save(desk: Supervised) -> None:
    desk.world.save(code(f"at {desk.world.clock.monotonic()}", report=REPORT))


def save_broken(desk: Supervised) -> None:
    desk.world.save(broken(f"broken at {desk.world.clock.monotonic()}"))


def install(desk: Supervised) -> None:
    record = f"{FOLDER}/numpy-2.dist-info/RECORD"
    desk.world.watcher.change(record, str(desk.world.clock.monotonic()))


def kill(which: Callable[[FakeProcess], bool]) -> Callable[[Supervised], None]:
    def happen(desk: Supervised) -> None:
        for process in desk.world.launcher.alive:
            if which(process):
                process.end(ExitStatus(None, 9))

    return happen


def lose_keeper(desk: Supervised) -> None:
    desk.world.launcher.lose_keeper()
    desk.world.launcher.new_keeper()


def of_all(method: str) -> Callable[[Supervised], None]:
    def happen(desk: Supervised) -> None:
        for location in desk.supervisor.locations.values():
            getattr(location, method)()

    return happen


HAPPENINGS: dict[str, Callable[[Supervised], object]] = {
    "all locations": write("a", "b", "c"),
    "in another order": write("c", "a", "b"),
    "one location": write("a"),
    "another location": write("d, load_timeout: 3"),
    "other entries": write("a, reload: false", "b, env: {X: 1}", "c, fork: never"),
    "no valid workspace": lambda desk: desk.write(text="load_from: 3\n"),
    "a save": save,
    "a broken save": save_broken,
    "an installer writes": install,
    "loads hang": scripted(Method.LOAD),
    "forks hang": scripted(Method.FORK),
    "all goes well": all_goes_well,
    "templates and spares die": kill(lambda process: process.owner.startswith("template/")),
    "locations die": kill(lambda process: not process.owner.startswith("template/")),
    "all die": kill(lambda process: True),
    "the keeper dies": lose_keeper,
    "locations are reloaded": of_all("reload"),
    "locations are restarted": of_all("restart"),
    "locations are stopped": of_all("stop"),
    "locations are started": of_all("start"),
}

#: What happens, and the seconds that pass after it; None where the next comes in the same turn.
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.sampled_from([None, 0.0, 0.1, 1.0, 15.0])),
    max_size=12,
)
Steps: TypeAlias = "list[tuple[str, float | None]]"


async def happen(desk: Supervised, steps: Steps) -> None:
    for what, seconds in steps:
        HAPPENINGS[what](desk)
        if seconds is not None:
            await desk.world.advance(seconds)
            check(desk)
    await desk.world.advance()
    desk.world.journal.events[:] = [
        entry for entry in desk.world.journal.events if entry[1] != "workspace invalid"
    ]


def check(desk: Supervised) -> None:
    """The locations are those of the last valid workspace, and what is published is in order."""
    supervisor = desk.supervisor
    assert list(supervisor.locations) == [spec.name for spec in supervisor._workspace.locations]
    for spec in supervisor._workspace.locations:
        assert supervisor.locations[spec.name].spec == spec
    changes = desk.changes()
    assert [each.revision for each in changes] == list(range(1, len(changes) + 1))
    gone: set[str] = set()
    for change in changes:
        if change.removed_location:
            gone.add(change.removed_location)
        elif change.reason == "started":
            gone.discard(change.location.name)
        assert change.location.name not in gone, "something is told of a location that is gone"


@settings(max_examples=12, deadline=None)
@given(STEPS)
def test_its_end_is_the_end_of_everything(steps: Steps) -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b")
        await happen(desk, steps)
        await desk.close()
        assert desk.world.launcher.alive == []
        assert desk.world.watcher.watches == set()
        await desk.world.advance(LONG)
        assert desk.world.clock.pending == ()
        assert set(desk.statuses().values()) <= {"STOPPED"}

    play_supervised(scenario)


@settings(max_examples=8, deadline=None)
@given(STEPS, st.lists(st.sampled_from(LOCATIONS), min_size=1, unique_by=lambda each: each[0]))
def test_in_the_end_the_workspace_is_served(steps: Steps, locations: list[str]) -> None:
    """Whatever came before: the files are valid, the code is good, and nothing hangs."""

    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b")
        await happen(desk, steps)
        all_goes_well(desk)
        desk.write(*locations)
        save(desk)
        await desk.world.advance(LONG)
        of_all("start")(desk)
        of_all("reload")(desk)
        await desk.world.advance(1)
        check(desk)
        assert set(desk.statuses().values()) == {"READY"}
        assert list(desk.supervisor.locations) == [each[0] for each in locations]
        owners = {process.owner.partition("/")[0] for process in desk.world.launcher.alive}
        assert owners - {"template"} == {each[0] for each in locations}
        await desk.close()

    play_supervised(scenario)
