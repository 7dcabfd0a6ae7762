"""The supervisor: an edited workspace, a lost keeper, packages that change, the end."""

from __future__ import annotations

import pytest
from unit.daemon.supervision.supervised import Supervised, play_supervised
from unit.daemon.world import FILE, SETTINGS, broken, code

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.templates.environment import INSTALL_SECONDS
from hostler.daemon.workspace.text.problems import WorkspaceError
from hostler.host.wire import Method
from hostler.v1.workspace_pb2 import Workspace

HANGS = Script(hangs_in=frozenset({Method.LOAD}))
FOLDER = "/venv/site-packages"


def test_it_starts_what_the_workspace_names_and_publishes_each_change() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("b", "a")
        assert list(desk.supervisor.locations) == ["b", "a"]
        assert desk.statuses() == {"b": "READY", "a": "READY"}
        assert desk.supervisor.files == (str(desk.file),)
        changes = desk.changes()
        assert [change.revision for change in changes] == list(range(1, len(changes) + 1))
        assert {change.location.name for change in changes} == {"locations/a", "locations/b"}
        last = changes[-1]
        assert (last.reason, last.location.state) == ("loaded", last.location.READY)
        assert desk.runs.wakes == len(changes), "queued runs may start at each change"
        assert desk.supervisor.find_location("c") is None
        await desk.close()

    play_supervised(scenario)


def test_a_location_is_shown_as_it_is() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a")
        await desk.world.advance(1)
        message = desk.supervisor.location_message(desk.location("a"))
        assert message.pid == desk.process("a").pid
        assert message.generation == 1
        assert message.serving
        assert message.template.pid
        assert message.template.spare_pid
        assert message.watch_mode == message.NATIVE
        told, revision = await desk.supervisor.workspace()
        workspace = Workspace.FromString(told)
        assert workspace.revision == revision
        assert workspace.revision == desk.supervisor.changes.revision
        assert [location.name for location in workspace.locations] == ["locations/a"]
        await desk.close()

    play_supervised(scenario)


# The workspace changes


def test_an_edit_touches_the_locations_that_it_concerns_alone() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("kept", "changed", "removed")
        kept, removed = desk.process("kept"), desk.process("removed")
        gone = desk.location("removed")
        desk.write("added", "changed, load_timeout: 5", "kept")
        await desk.world.advance(0.2)
        assert list(desk.supervisor.locations) == ["added", "changed", "kept"]
        assert desk.numbers() == {"added": 1, "changed": 2, "kept": 1}
        assert desk.process("kept") is kept
        assert not removed.is_alive
        assert gone.status.value == "STOPPED"
        assert desk.location("changed").spec.load_timeout == 5
        assert "the workspace files changed" in desk.reasons()
        told = [change for change in desk.changes() if change.removed_location]
        assert [each.removed_location for each in told] == ["locations/removed"]
        after = desk.changes()[desk.changes().index(told[0]) :]
        assert "locations/removed" not in {each.location.name for each in after}
        await desk.close()

    play_supervised(scenario)


def test_a_location_that_comes_back_owns_nothing_of_the_one_before() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b")
        before = desk.location("a")
        owner = desk.process("a").owner
        desk.write("b")
        await desk.world.advance()
        desk.write("a", "b")
        await desk.world.advance(0.2)
        assert desk.location("a") is not before
        assert desk.process("a").owner != owner
        assert desk.statuses() == {"a": "READY", "b": "READY"}
        await desk.close()

    play_supervised(scenario)


def test_the_last_location_of_an_environment_takes_its_template_along() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b, env: {X: 1}")
        await desk.world.advance(1)

        def templates() -> int:
            owners = [one.owner for one in desk.world.launcher.alive if not one.parent]
            return sum(owner.startswith("template/") for owner in owners)

        assert templates() == 2
        desk.write("a")
        await desk.world.advance(1)
        assert templates() == 1
        await desk.close()

    play_supervised(scenario)


def test_a_workspace_that_is_not_valid_changes_nothing() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a")
        process = desk.process("a")
        desk.write(text="load_from: 3\n")
        await desk.world.advance(0.1)
        assert desk.supervisor.problems
        assert desk.changes()[-1].workspace.problems
        assert desk.process("a") is process
        assert desk.reasons()[-1] == "the workspace files are not valid; the last ones go on"
        assert {event for event, _ in desk.world.journal.errors} == {"workspace invalid"}
        desk.world.journal.events.clear()
        desk.write("a", "b")
        await desk.world.advance(0.2)
        assert desk.supervisor.problems == ()
        assert "the workspace files are valid again" in desk.reasons()
        assert desk.numbers() == {"a": 1, "b": 1}
        await desk.close()

    play_supervised(scenario)


def test_it_does_not_start_with_a_workspace_that_is_not_valid() -> None:
    async def scenario(desk: Supervised) -> None:
        desk.write(text="load_from: 3\n")
        with pytest.raises(WorkspaceError):
            await desk.supervisor.start()
        assert desk.world.launcher.processes == []
        await desk.close()

    play_supervised(scenario)


def test_a_file_of_variables_is_a_part_of_the_workspace() -> None:
    async def scenario(desk: Supervised) -> None:
        variables = desk.file.with_name("a.env")
        variables.write_text("X=1\n")
        await desk.start("a, env_file: a.env", "b")
        assert desk.location("a").spec.env == (("X", "1"),)
        variables.write_text("X=2\n")
        desk.world.watcher.change(str(variables), "another")
        await desk.world.advance(0.2)
        assert desk.location("a").spec.env == (("X", "2"),)
        assert desk.numbers() == {"a": 2, "b": 1}
        await desk.close()

    play_supervised(scenario)


def test_of_two_edits_in_a_row_the_newest_is_applied_last() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a")
        desk.write("a", "b")
        desk.write("a", "c")
        await desk.world.advance(0.2)
        assert list(desk.supervisor.locations) == ["a", "c"]
        await desk.close()

    play_supervised(scenario)


# Keeper and packages


def test_a_lost_keeper_is_followed_by_a_new_process_for_each_location() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b")
        before = {desk.process("a"), desk.process("b")}
        desk.world.launcher.lose_keeper()
        await desk.world.advance(1)
        assert desk.world.launcher.alive == []
        desk.world.launcher.new_keeper()
        await desk.world.advance(1)
        assert desk.statuses() == {"a": "READY", "b": "READY"}
        assert desk.numbers() == {"a": 1, "b": 1}, "the same generations"
        assert not before & {desk.process("a"), desk.process("b")}
        template = desk.world.environments.template_of(desk.location("a").spec)
        assert template is not None
        assert template.processes.can_fork
        await desk.close()

    play_supervised(scenario)


def test_packages_that_change_concern_the_locations_of_their_environment_that_reload() -> None:
    async def scenario(desk: Supervised) -> None:
        packages = {"folders": [FOLDER], "configuration": None}
        desk.world.put(code(report={"packages": packages, "imports": ["numpy"]}))
        await desk.start("a", "unwatched, reload: false", "other, env: {X: 1}")
        desk.world.put(code("with numpy 2"))
        desk.world.watcher.change(f"{FOLDER}/numpy-2.dist-info/RECORD", "1")
        await desk.world.advance(INSTALL_SECONDS + 0.2)
        assert desk.numbers() == {"a": 2, "unwatched": 1, "other": 2}, "one folder for both"
        assert "packages changed: numpy-2" in desk.reasons()
        await desk.close()

    play_supervised(scenario)


def test_packages_of_another_environment_concern_nobody_else() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "other, env: {X: 1}")
        desk.supervisor.packages_changed(lambda spec: not spec.env, "numpy-2")
        await desk.world.advance(0.2)
        assert desk.numbers() == {"a": 2, "other": 1}
        await desk.close()

    play_supervised(scenario)


# The end


def test_its_end_is_the_end_of_every_process() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b")
        desk.world.launcher.script = HANGS
        desk.world.save(code("newer"))
        await desk.world.advance(0.1)
        await desk.close()
        assert desk.world.launcher.alive == []
        assert desk.world.watcher.watches == set()
        assert desk.world.clock.pending == ()
        assert desk.statuses() == {"a": "STOPPED", "b": "STOPPED"}
        desk.write("c")
        await desk.world.advance(1)
        assert list(desk.supervisor.locations) == ["a", "b"]

    play_supervised(scenario)


def test_a_process_that_ignores_its_end_does_not_hold_up_the_end() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a")
        desk.process("a").follow(Script(ignores_term=True, ignores_close=True))
        closing = desk.world.tasks.start(desk.supervisor.close(), "close")
        await desk.world.advance(SETTINGS.stop_grace - 0.1)
        assert not closing.done()
        await desk.world.advance(0.2)
        assert closing.done()
        assert desk.world.launcher.alive == []

    play_supervised(scenario)


def test_a_location_that_fails_and_one_that_dies_concern_no_other() -> None:
    async def scenario(desk: Supervised) -> None:
        await desk.start("a", "b")
        desk.world.put(broken())
        desk.location("a").reload()
        desk.process("b").end(ExitStatus(None, 11))
        await desk.world.advance(0.2)
        assert desk.location("a").error is not None
        assert desk.statuses()["b"] == "BACKOFF"
        await desk.world.advance(2)
        assert desk.statuses() == {"a": "BACKOFF", "b": "READY"}
        assert desk.numbers() == {"a": 1, "b": 1}
        desk.world.save(code("mended", files={FILE: "mended"}))
        await desk.world.advance(0.2)
        assert desk.statuses() == {"a": "READY", "b": "READY"}
        await desk.close()

    play_supervised(scenario)
