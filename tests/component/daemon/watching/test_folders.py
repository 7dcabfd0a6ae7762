"""The watcher tells of the names in a folder, of all below a folder, and counts by pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from component.daemon.watching.watching_desk import open_desk, project_in, run

from hostler.host.wire import listing_digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project_in(tmp_path)


def _listing(folder: Path) -> dict[str, str | None]:
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else None
    return {f"{folder}/": None if names is None else listing_digest(names)}


def test_a_listing_changes_with_the_names_alone(folder: Path) -> None:
    async def scenario() -> None:
        jobs = folder / "jobs"
        jobs.mkdir()
        (jobs / "a.py").write_text("")
        async with open_desk(folder) as desk:
            desk.put({**desk.record(), **_listing(jobs)})
            for name in ("a.py", ".hidden", "a.py~", "b.tmp", "b.pyc"):
                (jobs / name).write_text("other")
            (jobs / "__pycache__").mkdir()
            (jobs / "passing").write_text("")
            (jobs / "passing").unlink()
            await desk.expect_nothing()
            for change in (
                (jobs / "b.py").touch,
                (jobs / "sub").mkdir,
                (jobs / "b.py").unlink,
                lambda: (jobs / "a.py").rename(jobs / "c.py"),
                lambda: (jobs / "link").symlink_to("nowhere"),
                (jobs / "sub").rmdir,
            ):
                change()
                assert await desk.next() == ("a", frozenset({f"{jobs}/"}))

    run(scenario)


def test_a_listed_folder_may_be_missing_and_come_back(folder: Path) -> None:
    async def scenario() -> None:
        jobs = folder / "jobs"
        async with open_desk(folder) as desk:
            desk.put({**desk.record(), **_listing(jobs)})
            jobs.mkdir()
            assert await desk.next() == ("a", frozenset({f"{jobs}/"}))
            jobs.rename(folder / "away")
            assert await desk.next() == ("a", frozenset({f"{jobs}/"}))

    run(scenario)


def test_all_below_a_folder_is_told_until_the_next_record(folder: Path) -> None:
    async def scenario() -> None:
        project, old = folder / "project", folder / "project" / "old.json"
        (project / "sub").mkdir(parents=True)
        old.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(project / "code.py")
            watch = desk.watches["a"]
            watch.watch_below([str(project)])
            await desk.expect_nothing()
            old.write_text("two")
            await desk.expect(old)
            new = project / "deep" / "er" / "new.json"
            new.parent.mkdir(parents=True)
            new.write_text("")
            await desk.expect(new)
            watch.watch_below([])
            old.write_text("three")
            (project / "sub" / "other").write_text("")
            await desk.expect_nothing()
            desk.watch(project / "code.py", old)
            watch.watch_below([str(project)])
            watch.watch_below([])
            old.write_text("four")
            await desk.expect(old)

    run(scenario)


def test_each_pattern_has_a_count(folder: Path) -> None:
    async def scenario() -> None:
        for name in ("a.sql", "conf/a.toml", "conf/b.toml"):
            (folder / "p" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "p" / name).write_text("one")
        globs = tuple(f"{folder}/p/{each}" for each in ("{*.sql,conf}", "conf/*", "no/*", "**"))

        def counts() -> list[int]:
            found = desk.watches["a"].counts()
            assert found is not None
            return [found[glob] for glob in globs]

        async with open_desk(folder) as desk:
            desk.watch(globs=globs)
            await desk.expect_nothing()
            assert counts() == [3, 2, 0, 3]
            (folder / "p/conf/a.toml").unlink()
            await desk.expect(folder / "p/conf/a.toml")
            assert counts() == [2, 1, 0, 2]
            (folder / "p/new.sql").write_text("one")
            await desk.expect(folder / "p/new.sql")
            assert counts() == [3, 1, 0, 3]
            desk.watch(globs=globs)
            assert counts() == [3, 1, 0, 3]

    run(scenario)
