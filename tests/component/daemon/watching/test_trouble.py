"""The watcher when the kernel reports nothing, or cannot watch as much as it is asked to."""

from __future__ import annotations

import asyncio
import errno
import mmap
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from component.daemon.watching.watching_desk import SAVES, open_desk, project_in, run
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, WatchDescriptor

from hostler.daemon.base.settings import Settings
from hostler.daemon.watching.folders.inotify import InotifyFolders

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project_in(tmp_path)


@pytest.mark.parametrize("how", ["sweep", "overflow"])
def test_a_change_without_an_event_is_found(folder: Path, how: str) -> None:
    """Writing through a mapping makes no event, as if the kernel had dropped it."""

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
                    inotify = desk.watcher._inotify
                    assert inotify is not None
                    # As watchdog reads it from the kernel when its queue is full.
                    overflow = InotifyEvent(
                        WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b""
                    )
                    inotify._inotify.handle_event(overflow)
                await desk.expect(path)

    run(scenario)


@pytest.mark.parametrize("save", SAVES)
def test_polling_tells_the_same(folder: Path, save: Callable[[Path, str], None]) -> None:
    async def scenario() -> None:
        path, missing = folder / "code.py", folder / "pkg" / "helper.py"
        path.write_text("one")
        async with open_desk(folder, Settings(poll=0.02), force_polling=True) as desk:
            desk.watch(path, missing, globs=(f"{folder}/*.sql",))
            assert desk.mode() == "polling"
            save(path, "six")
            await desk.expect(path)
            missing.parent.mkdir()
            (folder / "new.sql").write_text("one")
            await desk.expect(folder / "new.sql")

    run(scenario)


def test_where_no_watch_is_left_the_folder_is_polled_until_there_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = InotifyFolders.add
    is_full = True

    def full(self: InotifyFolders, folder: str, *, entries: bool) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        add(self, folder, entries=entries)

    async def scenario() -> None:
        nonlocal is_full
        path = folder / "code.py"
        async with open_desk(folder, Settings(poll=0.02, sweep=0.2)) as desk:
            desk.watch(path)
            assert desk.mode() == "polling"
            path.write_text("one")
            await desk.expect(path)
            is_full = False
            for _ in range(1000):
                if desk.mode() == "native":
                    break
                await asyncio.sleep(0.01)
            assert desk.mode() == "native"
            path.write_text("two")
            await desk.expect(path)
        assert "no inotify watch is left" in desk.log.getvalue()
        assert "raise fs.inotify.max_user_watches" in desk.log.getvalue()

    monkeypatch.setattr(InotifyFolders, "add", full)
    run(scenario)


def test_where_inotify_is_not_to_be_had_every_folder_is_polled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: InotifyFolders, __: Callable[[], None]) -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    async def scenario() -> None:
        path = folder / "code.py"
        async with open_desk(folder, Settings(poll=0.02)) as desk:
            assert desk.watcher.mode == "polling"
            desk.watch(path)
            assert desk.mode() == "polling"
            path.write_text("one")
            await desk.expect(path)
        assert "cannot use inotify" in desk.log.getvalue()
        assert "raise fs.inotify.max_user_instances" in desk.log.getvalue()

    monkeypatch.setattr(InotifyFolders, "__init__", refuse)
    run(scenario)


def test_close_leaves_no_thread_and_no_descriptor(folder: Path) -> None:
    async def scenario() -> None:
        threads, descriptors = set(threading.enumerate()), open_descriptors()
        async with open_desk(folder) as desk:
            desk.watch(folder / "code.py", globs=(f"{folder}/**/*.sql",))
            assert desk.mode() == "native"
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
                desk.put({"code.py": None})
            with pytest.raises(ValueError, match=r"cannot watch '\*.sql'"):
                desk.put({}, globs=["*.sql"])

    run(scenario)


def test_a_path_that_its_watch_leaves_while_it_settles_is_left_for_good(folder: Path) -> None:
    """The next sweep would otherwise end at a path that no watch has."""

    async def scenario() -> None:
        path = folder / "code.py"
        path.write_text("one")
        async with open_desk(folder) as desk:
            desk.watch(path)
            path.unlink()
            for _ in range(1000):
                if desk.watcher._checker.deferred._settling:
                    break
                await asyncio.sleep(0.001)
            desk.watch()
            await desk.expect_nothing()
            assert not desk.watcher._checker.is_followed(str(path))

    run(scenario)


def test_a_large_record_does_not_hold_up_the_loop(folder: Path) -> None:
    async def scenario() -> None:
        paths = [folder / f"m{i}.py" for i in range(5000)]
        async with open_desk(folder) as desk:
            desk.watch(*paths)
            # The work that is left for later turns would have taken some 100 ms in this one.
            assert desk.watcher._checker.is_busy
            paths[-1].write_text("x")
            await desk.expect(paths[-1])
            paths[0].write_text("x")
            await desk.expect(paths[0])
            await desk.expect_nothing()

    run(scenario)
