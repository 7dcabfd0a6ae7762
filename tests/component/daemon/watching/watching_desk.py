"""Watchers, the real one on real files with real inotify, and the ways in which files are saved."""

from __future__ import annotations

import asyncio
import io
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.watching.fake import FakeWatcher
from hostler.daemon.watching.file_watcher import FileWatcher
from hostler.host.wire import content_digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from hostler.daemon.watching.watcher import Mode, Watch, Watcher

DEADLINE = 10.0


class Desk:
    """Holds a watcher, its watches by name, and their reports, for tests of both watchers."""

    def __init__(self, watcher: Watcher) -> None:
        self.watches: dict[str, Watch] = {}
        self.told: asyncio.Queue[tuple[str, frozenset[str]]] = asyncio.Queue()
        self._watcher = watcher

    def record(self, *paths: Path) -> dict[str, str | None]:
        """Returns the record of an owner that reads the paths now."""
        raise NotImplementedError

    def save(self, path: Path, text: str) -> None:
        raise NotImplementedError

    def delete(self, path: Path) -> None:
        raise NotImplementedError

    async def next(self) -> tuple[str, frozenset[str]]:
        raise NotImplementedError

    async def expect_nothing(self, name: str = "a") -> None:
        """Fails if anything that was done before is reported later."""
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    def watch(self, *paths: Path, name: str = "a", globs: tuple[str, ...] = ()) -> None:
        self.put(self.record(*paths), name, globs)

    def put(
        self, files: Mapping[str, str | None], name: str = "a", globs: Sequence[str] = ()
    ) -> None:
        """Begins the watch of this name, or replaces its record."""
        if name in self.watches:
            self.watches[name].replace(files, globs)
        else:
            self.watches[name] = self._watcher.watch(
                files, lambda paths: self.told.put_nowait((name, paths)), globs
            )

    def mode(self) -> Mode:
        return self.watches["a"].mode

    async def expect(self, *paths: Path, name: str = "a") -> None:
        assert await self.next() == (name, frozenset(map(str, paths)))


class FileDesk(Desk):
    """Holds the real watcher on real files, and a sentinel file that each watch records."""

    def __init__(self, folder: Path, settings: Settings, *, force_polling: bool) -> None:
        self.folder = folder
        self.sentinel = folder / "sentinel.py"
        self.sentinel.write_text("0")
        self.log = io.StringIO()
        self.journal = Journal(stream=self.log)
        self.watcher = FileWatcher(
            asyncio.get_running_loop(), settings, self.journal, force_polling=force_polling
        )
        super().__init__(self.watcher)
        self.watcher.start()

    def record(self, *paths: Path) -> dict[str, str | None]:
        return record(*paths, self.sentinel)

    def save(self, path: Path, text: str) -> None:
        path.write_text(text)

    def delete(self, path: Path) -> None:
        path.unlink()

    async def next(self) -> tuple[str, frozenset[str]]:
        async with asyncio.timeout(DEADLINE):
            return await self.told.get()

    async def expect_nothing(self, name: str = "a") -> None:
        """Asserts that only later changes of the sentinel are reported.

        Its deletion settles after everything that began to settle before.
        """
        self.sentinel.write_text(self.sentinel.read_text() + "1")
        await self.expect(self.sentinel, name=name)
        self.sentinel.unlink()
        await self.expect(self.sentinel, name=name)
        self.sentinel.write_text("0")
        await self.expect(self.sentinel, name=name)

    async def close(self) -> None:
        await self.watcher.close()
        self.journal.close()


class FakeDesk(Desk):
    """Holds the fake watcher; its files exist in it alone."""

    def __init__(self) -> None:
        self.watcher = FakeWatcher()
        self._digests: dict[str, str | None] = {}
        super().__init__(self.watcher)

    def record(self, *paths: Path) -> dict[str, str | None]:
        return {str(path): self._digests.get(str(path)) for path in paths}

    def save(self, path: Path, text: str) -> None:
        self._change(path, content_digest(text.encode()))

    def delete(self, path: Path) -> None:
        self._change(path, None)

    def _change(self, path: Path, digest: str | None) -> None:
        self._digests[str(path)] = digest
        self.watcher.change(str(path), digest)

    async def next(self) -> tuple[str, frozenset[str]]:
        self.watcher.tell()
        return self.told.get_nowait()

    async def expect_nothing(self, name: str = "a") -> None:
        self.watcher.tell()
        assert self.told.empty()

    async def close(self) -> None:
        pass


def record(*paths: Path) -> dict[str, str | None]:
    return {str(p): content_digest(p.read_bytes()) if p.is_file() else None for p in paths}


@asynccontextmanager
async def open_desk(
    folder: Path, settings: Settings | None = None, *, force_polling: bool = False
) -> AsyncIterator[FileDesk]:
    desk = FileDesk(folder, settings or Settings(), force_polling=force_polling)
    try:
        yield desk
    finally:
        await desk.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main(), debug=False)


def project_in(folder: Path) -> Path:
    """Returns a folder for the watched files; the folder above it is the test's as well."""
    made = folder.resolve() / "project"
    made.mkdir()
    return made


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
