"""The watcher on real files with real inotify: every way to save is told, and nothing else is."""

from __future__ import annotations

import asyncio
import errno
import mmap
import os
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, WatchDescriptor

from hostler.daemon.settings import Settings
from hostler.daemon.watching import Watcher
from hostler.daemon.watching.native import NativeWatch
from hostler.host.wire import content_digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

DEADLINE = 10.0


class Desk:
    """A watcher, what it told, and a sentinel file that each key has in its record."""

    def __init__(self, folder: Path, settings: Settings, *, force_polling: bool) -> None:
        self.folder = folder
        self.told: asyncio.Queue[tuple[str, frozenset[str]]] = asyncio.Queue()
        self.sentinel = folder / "sentinel.py"
        self.sentinel.write_text("0")
        self.watcher = Watcher(
            asyncio.get_running_loop(),
            lambda key, paths: self.told.put_nowait((key, paths)),
            settings,
            force_polling=force_polling,
        )
        self.watcher.start()

    def watch(self, *paths: Path, key: str = "a", globs: tuple[str, ...] = ()) -> None:
        self.watcher.watch(key, record(*paths, self.sentinel), globs)

    async def next(self) -> tuple[str, frozenset[str]]:
        async with asyncio.timeout(DEADLINE):
            return await self.told.get()

    async def expect(self, *paths: Path, key: str = "a") -> None:
        assert await self.next() == (key, frozenset(map(str, paths)))

    async def expect_nothing(self, key: str = "a") -> None:
        """What was done before tells nothing: only the sentinel's later changes are told.

        Its deletion settles after everything that began to settle before.
        """
        self.sentinel.write_text(self.sentinel.read_text() + "1")
        await self.expect(self.sentinel, key=key)
        self.sentinel.unlink()
        await self.expect(self.sentinel, key=key)
        self.sentinel.write_text("0")
        await self.expect(self.sentinel, key=key)


def record(*paths: Path) -> dict[str, str | None]:
    return {str(p): content_digest(p.read_bytes()) if p.is_file() else None for p in paths}


@asynccontextmanager
async def open_desk(
    folder: Path, settings: Settings | None = None, *, force_polling: bool = False
) -> AsyncIterator[Desk]:
    desk = Desk(folder, settings or Settings(), force_polling=force_polling)
    try:
        yield desk
    finally:
        await desk.watcher.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main(), debug=False)


def write_in_place(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def truncate_and_write(path: Path, text: str) -> None:
    path.write_text(text)


def write_and_rename(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def rename_from_elsewhere(path: Path, text: str) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.write_text(text)
    elsewhere.replace(path)


def delete_and_recreate(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def back_up_and_write(path: Path, text: str) -> None:
    path.rename(path.with_name(path.name + "~"))
    path.write_text(text)


def link_over(path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    path.unlink()
    os.link(new, path)


SAVES = [
    write_in_place,
    truncate_and_write,
    write_and_rename,
    rename_from_elsewhere,
    delete_and_recreate,
    back_up_and_write,
    link_over,
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "project"
    made.mkdir()
    return made


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
    """As a ConfigMap's volume is updated: file -> ..data/file, ..data -> ..<time>."""

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
            desk.watcher.add("a", known)
            await desk.expect(path)
            late.write_text("one")
            await desk.expect(late)

    run(scenario)


@pytest.mark.parametrize("turns", [0, 1, 2, 50])
def test_a_save_at_the_end_of_a_load_is_told(folder: Path, turns: int) -> None:
    """Also where what the load had read is what was seen before."""

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
            desk.watcher.watch("a", loaded)
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
                desk.watcher.watch("a", {str(path): "old", **record(desk.sentinel)})
                await desk.expect(path)
            desk.watcher.watch("a", {str(path): "old", **record(desk.sentinel)})
            await desk.expect_nothing()
            path.write_text("two")
            await desk.expect(path)

    run(scenario)


def test_only_the_keys_that_have_the_file_are_told(folder: Path) -> None:
    async def scenario() -> None:
        shared, own = folder / "shared.py", folder / "own.py"
        shared.write_text("one")
        own.write_text("one")
        async with open_desk(folder) as desk:
            desk.watcher.watch("a", record(shared))
            desk.watcher.watch("b", record(shared, own))
            own.write_text("two")
            await desk.expect(own, key="b")
            shared.write_text("two")
            told = {await desk.next(), await desk.next()}
            assert told == {("a", frozenset({str(shared)})), ("b", frozenset({str(shared)}))}
            desk.watcher.forget("b")
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
            desk.watch(globs=globs)  # what the key knew stays known
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


@pytest.mark.parametrize("how", ["sweep", "overflow"])
def test_a_change_without_an_event_is_found(folder: Path, how: str) -> None:
    """Writing through a mapping makes no event, as an event that the kernel dropped."""

    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        sweep = 0.2 if how == "sweep" else 600.0
        async with open_desk(folder, Settings(sweep=sweep)) as desk:
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
                desk.watch(path)
                await desk.expect_nothing()
                mapped[:3] = b"two"
                if how == "overflow":
                    await desk.expect_nothing()
                    native = desk.watcher._native
                    assert native is not None
                    # As watchdog reads it from the kernel when its queue is full.
                    overflow = InotifyEvent(
                        WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b""
                    )
                    native._inotify.handle_event(overflow)
                await desk.expect(path)

    run(scenario)


@pytest.mark.parametrize("save", SAVES)
def test_polling_tells_the_same(folder: Path, save: Callable[[Path, str], None]) -> None:
    async def scenario() -> None:
        path, missing = folder / "code.py", folder / "pkg" / "helper.py"
        path.write_text("one")
        async with open_desk(folder, Settings(poll=0.02), force_polling=True) as desk:
            desk.watch(path, missing, globs=(f"{folder}/*.sql",))
            assert desk.watcher.mode("a") == "polling"
            save(path, "six")
            await desk.expect(path)
            missing.parent.mkdir()
            (folder / "new.sql").write_text("one")
            await desk.expect(folder / "new.sql")

    run(scenario)


def test_where_no_watch_is_left_the_folder_is_polled_until_there_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add = NativeWatch.add
    is_full = True

    def full(self: NativeWatch, folder: str, *, entries: bool) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        add(self, folder, entries=entries)

    async def scenario() -> None:
        nonlocal is_full
        path = folder / "code.py"
        async with open_desk(folder, Settings(poll=0.02, sweep=0.2)) as desk:
            desk.watch(path)
            assert desk.watcher.mode("a") == "polling"
            path.write_text("one")
            await desk.expect(path)
            is_full = False
            for _ in range(1000):
                if desk.watcher.mode("a") == "native":
                    break
                await asyncio.sleep(0.01)
            assert desk.watcher.mode("a") == "native"
            path.write_text("two")
            await desk.expect(path)

    monkeypatch.setattr(NativeWatch, "add", full)
    run(scenario)
    assert "no inotify watch is left" in caplog.text


def test_close_leaves_no_thread_and_no_descriptor(folder: Path) -> None:
    async def scenario() -> None:
        threads, descriptors = set(threading.enumerate()), open_descriptors()
        async with open_desk(folder) as desk:
            desk.watch(folder / "code.py", globs=(f"{folder}/**/*.sql",))
            assert desk.watcher.mode("a") == "native"
            inherited = [fd for fd in open_descriptors() - descriptors if os.get_inheritable(fd)]
            assert inherited == []
            await desk.expect_nothing()
        assert set(threading.enumerate()) - threads == set()
        assert descriptor_targets(open_descriptors() - descriptors) == []

    run(scenario)


def descriptor_targets(descriptors: set[int]) -> list[Path]:
    return [Path(f"/proc/self/fd/{descriptor}").readlink() for descriptor in descriptors]


def open_descriptors() -> set[int]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            os.fstat(int(entry.name))
        except OSError:  # the descriptor that listed them
            continue
        found.add(int(entry.name))
    return found


def test_a_relative_path_is_refused(folder: Path) -> None:
    async def scenario() -> None:
        async with open_desk(folder) as desk:
            with pytest.raises(ValueError, match=r"cannot watch 'code\.py'"):
                desk.watcher.watch("a", {"code.py": None})
            with pytest.raises(ValueError, match=r"cannot watch '\*.sql'"):
                desk.watcher.watch("a", {}, ["*.sql"])

    run(scenario)


def test_a_large_record_does_not_hold_up_the_loop(folder: Path) -> None:
    async def scenario() -> None:
        paths = [folder / f"m{i}.py" for i in range(5000)]
        async with open_desk(folder) as desk:
            desk.watch(*paths)
            # What is left for later turns would have taken this one some 100 ms.
            assert desk.watcher._turns.is_busy
            paths[-1].write_text("x")
            await desk.expect(paths[-1])
            paths[0].write_text("x")
            await desk.expect(paths[0])
            await desk.expect_nothing()

    run(scenario)
