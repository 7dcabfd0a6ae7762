"""How a location follows the newest code, in a world of fakes."""

from __future__ import annotations

from unit.daemon.locations.recorded_location import RecordedLocation, play_location
from unit.daemon.world import FILE, SETTINGS, a_spec, broken, code

from hostler.daemon.launching.fake_process import Code, Script
from hostler.daemon.locations.debounce import FLOOD_FILES, OUTDATED_SECONDS, PATIENCE_SECONDS
from hostler.daemon.state.location import Load, Serving, Status
from hostler.host.wire import Method

HANGS = Script(hangs_in=frozenset({Method.LOAD}))
HOLD = SETTINGS.failure_hold


def test_a_first_load_serves() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.statuses == [Status.STARTING, Status.READY]
        assert [told.reason for told in desk.told] == ["started", "loaded"]
        assert desk.number == 1
        assert not desk.location.fork_decision.reason
        await desk.location.load.settled()
        desk.check()

    play_location(scenario)


def test_a_save_is_loaded_by_a_fork_and_names_what_has_changed() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.save(code("better", pipelines=("daily", "weekly")))
        await desk.world.advance(0.05)
        assert desk.number == 2
        assert desk.told[-2].reason == f"changed: {FILE}"
        assert list(desk.location.last_changes.files) == [FILE]
        assert list(desk.location.last_changes.added) == ["repo/weekly"]
        serving = desk.location.serving.current
        assert serving is not None
        assert serving.fork_decision.is_fork
        desk.check()

    play_location(scenario)


# Changes while it loads


def test_an_outdated_load_is_served_and_followed_by_another() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        desk.world.save(code("second"))
        await desk.world.advance(0.05)
        outdated = desk.candidate
        desk.world.save(code("third"))
        assert desk.states == (Load.OUTDATED, Serving.UP)
        desk.check()
        outdated.code = code("second")
        outdated.follow(Script())
        await desk.world.advance()
        assert desk.number == 2, "what was read is a good state of the files"
        assert desk.candidate is not outdated
        desk.check()
        desk.world.launcher.script = Script()
        desk.candidate.follow(Script())
        await desk.world.advance(0.1)
        assert desk.number == 3
        assert desk.location.generation is not None
        assert desk.location.generation.files == {FILE: "third"}
        desk.check()

    play_location(scenario)


def test_an_outdated_load_that_fails_is_told_to_nobody() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        desk.world.save(broken("half"))
        await desk.world.advance(0.05)
        half = desk.candidate
        half.code = broken("half")
        desk.world.save(code("whole"))
        desk.world.launcher.script = Script()
        half.follow(Script())
        await desk.world.advance(1)
        assert desk.number == 2
        assert not {Status.BACKOFF, Status.FAILED} & {*desk.statuses}

    play_location(scenario)


def test_an_outdated_load_that_takes_too_long_is_given_up() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.world.launcher.script = HANGS
        desk.world.save(code("second"))
        await desk.world.advance(0.05)
        outdated = desk.candidate
        desk.world.save(code("third"))
        desk.world.launcher.script = Script()
        outdated.follow(HANGS)
        await desk.world.advance(PATIENCE_SECONDS - 0.01)
        assert desk.world.launcher.newest is outdated
        assert desk.location.load.state is Load.OUTDATED
        await desk.world.advance(0.1)
        assert not outdated.is_alive
        assert desk.number == 2
        desk.check()

    play_location(scenario)


def test_while_files_go_on_changing_not_each_stage_is_served() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()

        async def outdated(name: str) -> None:
            desk.world.launcher.script = HANGS
            desk.world.save(code(name))
            await desk.world.advance(0.05)
            load = desk.candidate
            desk.world.save(code(f"{name} again"))
            desk.world.launcher.script = Script()
            load.follow(Script())
            await desk.world.advance(0.05)

        await outdated("first")
        assert desk.number == 3, "one of its stages, then the newest"
        await outdated("second")
        assert desk.number == 4, "the newest alone"
        await desk.world.advance(OUTDATED_SECONDS)
        await outdated("third")
        assert desk.number == 6

    play_location(scenario)


def many(name: str) -> Code:
    return code(name, files={f"/project/{number}.py": name for number in range(FLOOD_FILES)})


def test_a_flood_of_changes_is_waited_out() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(many("before"))
        await desk.start()
        desk.world.launcher.script = HANGS
        desk.world.watcher.change("/project/0.py", "after")
        await desk.world.advance(0.01)
        half = desk.candidate
        desk.world.launcher.script = Script()
        half.follow(HANGS)
        desk.world.save(many("after"))
        await desk.world.advance()
        assert desk.states == (Load.DEBOUNCING, Serving.UP)
        assert not half.is_alive
        assert desk.statuses[-1] is Status.RELOADING
        compiled = desk.world.templates[0].spares.compiled
        assert any("/project/7.py" in sources for sources in compiled)
        desk.check()
        for step in range(10):  # each change is waited for anew
            await desk.world.advance(0.015)
            desk.world.watcher.change("/project/0.py", f"step {step}")
            assert desk.location.load.state is Load.DEBOUNCING
        desk.world.save(many("at last"))
        await desk.world.advance(0.1)
        assert desk.states == (Load.CURRENT, Serving.UP)
        assert desk.number == 2
        assert desk.location.generation is not None
        assert set(desk.location.generation.files.values()) == {"at last"}
        desk.check()

    play_location(scenario)


def test_a_flood_that_does_not_end_is_not_waited_for_without_end() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.put(many("before"))
        await desk.start()
        desk.world.launcher.script = HANGS
        desk.world.watcher.change("/project/0.py", "x")
        await desk.world.advance(0.01)
        desk.world.launcher.script = Script()
        step = 0
        while desk.number == 1:
            desk.world.save(many(f"step {step}"))
            await desk.world.advance(0.015)
            step += 1
            assert step * 0.015 < OUTDATED_SECONDS + 0.1

    play_location(scenario)


def test_a_change_before_the_load_has_begun_is_read_by_it() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        await desk.world.advance(5)
        releases = [await desk.world.context.slots.acquire() for _ in range(2)]
        desk.world.save(code("second"))
        await desk.world.advance()
        desk.world.save(code("third"))
        assert desk.location.load.state is Load.LOADING
        for release in releases:
            release()
        await desk.world.advance(0.1)
        assert desk.number == 2
        assert desk.location.generation is not None
        assert desk.location.generation.files == {FILE: "third"}
        desk.check()

    play_location(scenario)


# What is asked of it


def test_a_stop_during_a_load_leaves_nothing() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.launcher.script = HANGS
        await desk.start()
        desk.location.stop()
        assert desk.location.status is Status.STOPPING
        await desk.location.ended()
        await desk.world.advance(2)
        assert desk.statuses == [Status.STARTING, Status.STOPPING, Status.STOPPED]
        desk.check()
        desk.check_stopped()

    play_location(scenario)


def test_a_reload_gives_up_the_load_that_is_under_way() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        desk.world.launcher.script = HANGS
        await desk.start()
        first = desk.candidate
        first.follow(HANGS)
        desk.world.launcher.script = Script()
        desk.location.reload()
        await desk.world.advance(0.1)
        assert not first.is_alive
        assert desk.states == (Load.CURRENT, Serving.UP)

    play_location(scenario)


def test_a_location_that_is_not_watched_loads_on_request_alone() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        assert desk.location.watched.mode == "off"
        desk.world.save(code("second"))
        await desk.world.advance(10)
        assert desk.number == 1
        desk.location.reload()
        await desk.world.advance(0.1)
        assert desk.number == 2

    play_location(scenario, a_spec(reload=False))


def test_a_changed_entry_is_loaded() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.location.change_spec(a_spec(fork="never"))
        await desk.world.advance(0.1)
        assert desk.number == 2
        assert desk.location.fork_decision.reason == "fork: never in workspace.yaml"
        desk.location.change_spec(a_spec(fork="never", reload=False))
        await desk.world.advance(0.1)
        assert not desk.is_watched
        desk.location.change_spec(a_spec())
        await desk.world.advance(0.1)
        assert desk.number == 4
        desk.world.save(code("second"))
        await desk.world.advance(0.1)
        assert desk.number == 5

    play_location(scenario)


def test_packages_that_change_are_a_reason_to_load() -> None:
    async def scenario(desk: RecordedLocation) -> None:
        await desk.start()
        desk.location.packages_changed("numpy-2")
        await desk.world.advance(0.1)
        assert desk.number == 2
        assert list(desk.location.last_changes.files) == ["numpy-2"]

    play_location(scenario)
