"""The watcher reports every way to save, and nothing else."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from component.daemon.watching.watching_desk import (
    SAVES,
    delete_and_recreate,
    open_desk,
    project_in,
    record,
    run,
    write_and_rename,
)

from hostler.daemon.base.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project_in(tmp_path)


@pytest.mark.parametrize("save", SAVES)
def test_each_way_to_save_is_told_once(folder: Path, save: Callable[[Path, str], None]) -> None:
    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path)
            save(path, "two")
            await desk.expect(path)
            await desk.expect_nothing()
            # Of the same size and within the same second, once more.
            save(path, "six")
            await desk.expect(path)
            await desk.expect_nothing()

    run(scenario)


def test_a_deletion_and_a_later_recreation_are_two_changes(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path)
            path.unlink()
            await desk.expect(path)
            path.write_text("one")
            await desk.expect(path)

    run(scenario)


def test_a_file_is_not_read_before_its_writer_has_closed_it(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path)
            path.unlink()
            with path.open("w") as file:
                file.write("half")
                file.flush()
                await desk.expect_nothing()  # takes longer than a deletion settles
                file.write(" and half")
            await desk.expect(path)
            await desk.expect_nothing()

    run(scenario)


def test_a_time_set_back_hides_no_change(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        before = path.stat()
        async with open_desk(folder) as desk:
            desk.watch(path)
            path.write_text("two")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - 10**12))
            await desk.expect(path)

    run(scenario)


def test_what_reads_the_same_is_not_told(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        missing = folder / "helper.py"
        async with open_desk(folder) as desk:
            desk.watch(path, missing)
            path.touch()
            path.chmod(0o600)
            path.write_text("one")
            write_and_rename(path, "one")
            delete_and_recreate(path, "one")
            (folder / ".code.py.swp").write_text("x")
            (folder / "4913").write_text("x")
            (folder / "4913").unlink()
            (folder / "code.py~").write_text("x")
            (folder / "__pycache__").mkdir()
            (folder / "__pycache__" / "code.cpython-311.pyc").write_bytes(b"x")
            missing.mkdir()
            missing.rmdir()
            await desk.expect_nothing()

    run(scenario)


def test_a_missing_file_that_is_created(folder: Path) -> None:
    async def scenario() -> None:
        plain, deep = folder / "helper.py", folder / "pkg" / "sub" / "deep.py"
        async with open_desk(folder) as desk:
            desk.watch(plain, deep)
            plain.write_text("one")
            await desk.expect(plain)
            deep.parent.mkdir(parents=True)
            deep.write_text("one")
            await desk.expect(deep)
            deep.write_text("two")
            await desk.expect(deep)

    run(scenario)


def test_a_folder_that_is_moved_in_with_its_file(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "pkg" / "mod.py"
        outside = folder.parent / "outside"
        outside.mkdir()
        (outside / "mod.py").write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path)
            outside.rename(folder / "pkg")
            await desk.expect(path)
            (folder / "pkg").rename(outside)
            await desk.expect(path)

    run(scenario)


def test_a_folder_that_is_deleted_and_recreated_is_watched_again(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "pkg" / "mod.py"
        path.parent.mkdir()
        path.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path)
            path.unlink()
            path.parent.rmdir()
            path.parent.mkdir()
            path.write_text("one")
            await desk.expect_nothing()
            path.write_text("two")
            await desk.expect(path)

    run(scenario)


def test_a_folder_far_above_that_is_exchanged(folder: Path) -> None:
    async def scenario() -> None:
        top = folder / "top"
        path = top / "a" / "b" / "mod.py"
        path.parent.mkdir(parents=True)
        path.write_text("one")
        other = folder / "other"
        (other / "a" / "b").mkdir(parents=True)
        (other / "a" / "b" / "mod.py").write_text("two")
        async with open_desk(folder) as desk:
            desk.watch(path)
            top.rename(folder / "old")
            other.rename(top)
            await desk.expect(path)
            path.write_text("three")
            await desk.expect(path)

    run(scenario)


def test_a_link_that_is_swapped(folder: Path) -> None:
    """As Kubernetes updates a ConfigMap's volume: file -> ..data/file, ..data -> ..<time>."""

    async def scenario() -> None:
        for name, text in (("..1", "one"), ("..2", "two"), ("..3", "two")):
            (folder / name).mkdir()
            (folder / name / "code.py").write_text(text)
        (folder / "..data").symlink_to("..1")
        path = folder / "code.py"
        path.symlink_to("..data/code.py")

        def swap(target: str) -> None:
            (folder / "..data_tmp").symlink_to(target)
            (folder / "..data_tmp").rename(folder / "..data")

        async with open_desk(folder) as desk:
            desk.watch(path)
            swap("..2")
            await desk.expect(path)
            swap("..3")
            await desk.expect_nothing()
            (folder / "..3" / "code.py").write_text("three")
            await desk.expect(path)

    run(scenario)


def test_what_changed_before_the_watch_is_told(folder: Path) -> None:
    async def scenario() -> None:
        path, late = folder / "code.py", folder / "late.py"
        path.write_text("one")
        known = record(path, late)
        path.write_text("two")
        async with open_desk(folder) as desk:
            desk.watch()
            desk.watches["a"].add(known)
            await desk.expect(path)
            late.write_text("one")
            await desk.expect(late)

    run(scenario)


@pytest.mark.parametrize("turns", [0, 1, 2, 50])
def test_a_save_at_the_end_of_a_load_is_told(folder: Path, turns: int) -> None:
    """Also if the load has read the same content that the watcher had seen before."""

    async def scenario() -> None:
        path, other = folder / "code.py", folder / "other.py"
        path.write_text("one")
        other.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path, other)
            await desk.expect_nothing()
            loaded = record(path, other, desk.sentinel)
            path.write_text("two")
            for _ in range(turns):
                await asyncio.sleep(0)
            desk.put(loaded)
            await desk.expect(path)
            desk.watch(path, other)
            await desk.expect_nothing()
            other.write_text("two")
            await desk.expect(other)

    run(scenario)


def test_an_owner_that_keeps_to_an_old_content_is_not_told_forever(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        async with open_desk(folder) as desk:
            for _ in range(3):
                desk.put({str(path): "old", **record(desk.sentinel)})
                await desk.expect(path)
            desk.put({str(path): "old", **record(desk.sentinel)})
            await desk.expect_nothing()
            path.write_text("two")
            await desk.expect(path)

    run(scenario)


def test_only_the_watches_that_have_the_file_are_told(folder: Path) -> None:
    async def scenario() -> None:
        shared, own = folder / "shared.py", folder / "own.py"
        shared.write_text("one")
        own.write_text("one")
        async with open_desk(folder) as desk:
            desk.put(record(shared), "a")
            desk.put(record(shared, own), "b")
            own.write_text("two")
            await desk.expect(own, name="b")
            shared.write_text("two")
            told = {await desk.next(), await desk.next()}
            assert told == {("a", frozenset({str(shared)})), ("b", frozenset({str(shared)}))}
            desk.watches["b"].close()
            shared.write_text("three")
            await desk.expect(shared)
            desk.watch()
            own.write_text("three")
            shared.write_text("four")
            await desk.expect_nothing()

    run(scenario)


def test_saves_that_come_faster_than_loads_are_told_together(folder: Path) -> None:
    async def scenario() -> None:
        paths = [folder / f"m{i}.py" for i in range(5)]
        async with open_desk(folder, Settings(save_backoff_min=0.2, save_backoff_max=0.2)) as desk:
            desk.watch(*paths)
            paths[0].write_text("x")
            await desk.expect(paths[0])
            for path in paths[1:]:
                path.write_text("x")
            await desk.expect(*paths[1:])

    run(scenario)


def test_the_files_of_patterns(folder: Path) -> None:
    async def scenario() -> None:
        known, deep = folder / "q" / "known.sql", folder / "q" / "x" / "deep.sql"
        known.parent.mkdir()
        known.write_text("one")
        ignored = folder / "q" / "node_modules"
        ignored.mkdir()
        async with open_desk(folder) as desk:
            globs = (f"{folder}/q/**/*.sql", f"{folder}/later/*.csv")
            desk.watch(globs=globs)
            await desk.expect_nothing()
            known.write_text("two")
            await desk.expect(known)
            deep.parent.mkdir()
            deep.write_text("one")
            await desk.expect(deep)
            (ignored / "no.sql").write_text("one")
            (folder / "q" / "no.txt").write_text("one")
            (folder / "q" / "no.sql~").write_text("one")
            await desk.expect_nothing()
            desk.watch(globs=globs)  # what the watch knew stays known
            await desk.expect_nothing()
            deep.unlink()
            await desk.expect(deep)
            (folder / "later").mkdir()
            (folder / "later" / "d.csv").write_text("one")
            await desk.expect(folder / "later" / "d.csv")

    run(scenario)


def test_a_pattern_through_a_linked_folder(folder: Path) -> None:
    async def scenario() -> None:
        real = folder.parent / "data"
        real.mkdir()
        (folder / "data").symlink_to(real)
        (real / "a.csv").write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(globs=(f"{folder}/data/*.csv",))
            (real / "a.csv").write_text("two")
            await desk.expect(folder / "data" / "a.csv")
            (real / "b.csv").write_text("one")
            await desk.expect(folder / "data" / "b.csv")

    run(scenario)


def test_a_large_file(folder: Path) -> None:
    async def scenario() -> None:
        path = folder / "data.bin"
        path.write_bytes(b"1" * 2_000_000)
        async with open_desk(folder) as desk:
            desk.watch(path)
            path.write_bytes(b"1" * 2_000_000)
            await desk.expect_nothing()
            path.write_bytes(b"2" * 2_000_000)
            await desk.expect(path)

    run(scenario)
