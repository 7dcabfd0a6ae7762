"""What a watcher promises: the same scenarios with the real watcher and with the fake one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from component.daemon.watching.watching_desk import FakeDesk, FileDesk, project_in, run

from hostler.daemon.base.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from component.daemon.watching.watching_desk import Desk

    Play = Callable[[Callable[[Desk], Awaitable[None]]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project_in(tmp_path)


@pytest.fixture(params=["real", "fake"])
def play(request: pytest.FixtureRequest, folder: Path) -> Play:
    """Plays a scenario with one of the watchers."""

    def start(scenario: Callable[[Desk], Awaitable[None]]) -> None:
        async def main() -> None:
            is_real = request.param == "real"
            desk = FileDesk(folder, Settings(), force_polling=False) if is_real else FakeDesk()
            try:
                await scenario(desk)
            finally:
                await desk.close()

        run(main)

    return start


def test_another_content_is_told_once(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        path = folder / "code.py"
        desk.save(path, "one")
        desk.watch(path)
        assert desk.mode() == "native"
        await desk.expect_nothing()
        desk.save(path, "two")
        await desk.expect(path)
        desk.save(path, "two")
        await desk.expect_nothing()
        desk.save(path, "one")
        await desk.expect(path)

    play(scenario)


def test_a_file_that_comes_and_goes_is_told(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        path = folder / "code.py"
        desk.watch(path)
        await desk.expect_nothing()
        desk.save(path, "one")
        await desk.expect(path)
        desk.delete(path)
        await desk.expect(path)
        await desk.expect_nothing()

    play(scenario)


def test_what_changed_before_the_watch_is_told_after_it(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        path, other = folder / "code.py", folder / "other.py"
        desk.save(path, "one")
        desk.save(other, "one")
        known, known_other = desk.record(path), desk.record(other)
        desk.save(path, "two")
        desk.put(known)
        assert desk.told.empty(), "the owner has not got its watch yet"
        await desk.expect(path)
        desk.delete(other)
        desk.watches["a"].add(known_other)
        assert desk.told.empty()
        await desk.expect(other)
        await desk.expect_nothing()

    play(scenario)


def test_what_is_added_joins_and_what_is_replaced_leaves(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        first, second, third = (folder / f"{number}.py" for number in range(3))
        desk.watch(first)
        desk.watches["a"].add(desk.record(second))
        desk.save(second, "one")
        await desk.expect(second)
        desk.save(first, "one")
        await desk.expect(first)
        desk.watch(third)
        desk.save(first, "two")
        desk.save(second, "two")
        await desk.expect_nothing()
        desk.save(third, "one")
        await desk.expect(third)

    play(scenario)


def test_what_may_have_been_read_counts_as_it_is_found(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        known, unread = folder / "known.py", folder / "unread.py"
        desk.save(known, "one")
        desk.save(unread, "one")
        desk.put({**desk.record(), str(known): "old"})
        desk.watches["a"].add_unread([str(known), str(unread)])
        await desk.expect(known)
        await desk.expect_nothing()
        desk.save(unread, "two")
        await desk.expect(unread)

    play(scenario)


def test_each_watch_is_told_of_its_own_files_until_it_is_closed(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        shared, own = folder / "shared.py", folder / "own.py"
        desk.watch(shared)
        desk.put({str(shared): None, str(own): None}, "b")
        desk.save(own, "one")
        await desk.expect(own, name="b")
        desk.save(shared, "one")
        paths = frozenset({str(shared)})
        assert {await desk.next(), await desk.next()} == {("a", paths), ("b", paths)}
        closed = desk.watches["b"]
        closed.close()
        closed.close()
        closed.replace({str(own): None}, [f"{folder}/*.sql"])
        closed.add({str(shared): None})
        closed.add_unread([str(own)])
        closed.reset_throttle()
        desk.save(own, "two")
        desk.save(folder / "new.sql", "one")
        await desk.expect_nothing()
        desk.save(shared, "two")
        await desk.expect(shared)
        await desk.expect_nothing()

    play(scenario)


def test_an_owner_may_close_its_watch_when_it_is_told(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        path = folder / "code.py"
        desk.watch()

        def on_change(paths: frozenset[str]) -> None:
            desk.told.put_nowait(("closing", paths))
            closing.close()

        closing = desk._watcher.watch({str(path): None}, on_change)
        desk.save(path, "one")
        await desk.expect(path, name="closing")
        desk.save(path, "two")
        await desk.expect_nothing()

    play(scenario)


def test_an_owner_that_keeps_to_an_old_content_is_told_three_times(
    play: Play, folder: Path
) -> None:
    async def scenario(desk: Desk) -> None:
        path = folder / "code.py"
        desk.save(path, "one")
        for _ in range(3):
            desk.put({**desk.record(), str(path): "old"})
            await desk.expect(path)
        desk.put({**desk.record(), str(path): "old"})
        await desk.expect_nothing()
        desk.save(path, "two")
        await desk.expect(path)

    play(scenario)


def test_a_pattern_brings_in_its_files(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        known, new, other = folder / "known.sql", folder / "new.sql", folder / "other.txt"
        globs = (f"{folder}/**/*.sql",)
        desk.save(known, "one")
        desk.watch(globs=globs)
        desk.save(other, "one")
        await desk.expect_nothing()
        desk.save(known, "two")
        await desk.expect(known)
        desk.save(new, "one")
        await desk.expect(new)
        desk.watch(globs=globs)  # what the watch knew stays known
        await desk.expect_nothing()
        desk.delete(new)
        await desk.expect(new)
        desk.watch()
        desk.save(known, "three")
        await desk.expect_nothing()

    play(scenario)


def test_a_relative_path_is_refused_and_changes_nothing(play: Play, folder: Path) -> None:
    async def scenario(desk: Desk) -> None:
        path = folder / "code.py"
        for watched in (False, True):
            with pytest.raises(ValueError, match=r"cannot watch 'code\.py'"):
                desk.put({"code.py": None})
            with pytest.raises(ValueError, match=r"cannot watch '\*.sql'"):
                desk.put({}, globs=["*.sql"])
            if not watched:
                assert desk.watches == {}
                desk.watch(path)
        with pytest.raises(ValueError, match=r"cannot watch 'code\.py'"):
            desk.watches["a"].add({"code.py": None})
        with pytest.raises(ValueError, match=r"cannot watch 'code\.py'"):
            desk.watches["a"].add_unread(["code.py"])
        desk.save(path, "one")
        await desk.expect(path)

    play(scenario)
