"""The watcher of files on disk: from folder events, sweeps and polls to paths to be read."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

from hostler.daemon.watching.content.file_reader import FileReader
from hostler.daemon.watching.file_watch import FileWatch
from hostler.daemon.watching.folders.event_handler import EventHandler
from hostler.daemon.watching.folders.inotify import InotifyFolders
from hostler.daemon.watching.folders.mounts import Mounts
from hostler.daemon.watching.folders.path_index import PathIndex
from hostler.daemon.watching.folders.pattern_walker import PatternWalker
from hostler.daemon.watching.folders.watched_folders import WatchedFolders
from hostler.daemon.watching.path_checker import PathChecker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.watching.folders.inotify import FolderEvent
    from hostler.daemon.watching.watcher import Mode, OnChange, Watch

#: How long the events of a checkout keep the loop at once; a save has a handful.
_SLICE_SECONDS = 0.002

#: Events between two looks at the clock. What they say of one file in one go is seen together, so
#: that a checkout, which removes each file before it writes it, is no removal.
_EVENTS_AT_ONCE = 32


class FileWatcher:
    """Watches files on disk; see `watcher.Watcher`. Every method is called on the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: Settings,
        journal: Journal,
        *,
        force_polling: bool = False,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._journal = journal
        self._watches: set[FileWatch] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._received: deque[FolderEvent] = deque()
        self._is_closed = False
        self._mounts = Mounts()
        self._reader = FileReader(loop)
        self._inotify = None if force_polling else self._open_inotify()
        self._folders = WatchedFolders(self._inotify, self._mounts, journal)
        paths = PathIndex(self._folders)
        self._walker = PatternWalker(self._folders)
        self._checker = PathChecker(
            loop, paths, self._walker, self._reader, settings.deletion_settle
        )
        self._events = EventHandler(
            self._folders,
            paths,
            self._walker,
            self._checker.deferred,
            check=self._checker.check,
            sweep=self._sweep,
        )

    def start(self) -> None:
        """Begins the sweeps and polls."""
        self._arm("sweep", self._settings.sweep, self._sweep)
        self._arm("poll", self._settings.poll, self._poll)

    async def close(self) -> None:
        """Closes every watch, and ends threads and descriptors."""
        self._is_closed = True
        for timer in self._timers.values():
            timer.cancel()
        for watch in list(self._watches):
            watch.close()
        self._checker.close()
        await self._reader.close(self._inotify.stop if self._inotify is not None else _nothing)

    @property
    def mode(self) -> Mode:
        return "polling" if self._inotify is None else "native"

    def watch(
        self, files: Mapping[str, str | None], on_change: OnChange, globs: Sequence[str] = ()
    ) -> Watch:
        watch = FileWatch(
            self._loop, self._settings, self._checker, self._walker, self._watches, on_change
        )
        if self._is_closed:
            watch.close()
        watch.replace(files, globs)
        return watch

    # Sweeps, polls and events

    def _arm(self, name: str, delay: float, call: Callable[[], None]) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        self._timers[name] = self._loop.call_later(delay, call)

    def _sweep(self) -> None:
        """Compares every path, since events may have been lost."""
        self._arm("sweep", self._settings.sweep, self._sweep)
        self._mounts.refresh()
        self._folders.retry()
        self._checker.deferred.expire()
        self._walker.request_all()
        self._checker.sweep()

    def _poll(self) -> None:
        """Compares the paths of which no event tells."""
        self._arm("poll", self._settings.poll, self._poll)
        self._checker.poll()

    def _open_inotify(self) -> InotifyFolders | None:
        try:
            return InotifyFolders(self._wake)
        except OSError as error:
            self._journal.warning(
                "cannot use inotify",
                error=error,
                action="files are polled",
                remedy="raise fs.inotify.max_user_instances and start the daemon again",
            )
            return None

    def _wake(self) -> None:
        """Runs in inotify's thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed first
            self._loop.call_soon_threadsafe(self._receive)

    def _receive(self) -> None:
        if self._inotify is not None and not self._is_closed:
            is_at_work = bool(self._received)
            self._received.extend(self._inotify.take())
            if not is_at_work:
                self._handle_some()

    def _handle_some(self) -> None:
        """Handles events in order: now as far as the loop can wait, the rest in later turns."""
        end = self._loop.time() + _SLICE_SECONDS
        try:
            while self._received and not self._is_closed:
                count = min(_EVENTS_AT_ONCE, len(self._received))
                self._events.take([self._received.popleft() for _ in range(count)])
                if self._loop.time() >= end:
                    break
        finally:
            if self._received and not self._is_closed:
                self._loop.call_soon(self._handle_some)


def _nothing() -> None:
    pass
