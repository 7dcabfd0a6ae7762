"""What a folder event means for the paths that are watched."""

from __future__ import annotations

import itertools
import os
import stat
from typing import TYPE_CHECKING

from hostler.daemon.watching.folders.native import EventKind, FolderEvent

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence

    from hostler.daemon.watching.folders.path_index import PathIndex
    from hostler.daemon.watching.folders.pattern_walker import PatternWalker
    from hostler.daemon.watching.folders.watched_folders import WatchedFolders


class EventHandler:
    """Turns events into paths to be read: at once, after a while, or when their writer is done."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        folders: WatchedFolders,
        paths: PathIndex,
        walks: PatternWalker,
        *,
        settle: float,
        check: Callable[[Iterable[str]], None],
        sweep: Callable[[], None],
    ) -> None:
        """
        Args:
            settle: seconds that a deletion waits, since the file may be on its way back.
            check: reads paths and compares them.
            sweep: reads everything.
        """
        self._loop = loop
        self._folders = folders
        self._paths = paths
        self._walks = walks
        self._settle_time = settle
        self._check = check
        self._sweep = sweep
        #: Created and not closed since: half of a file, or less.
        self._unfinished: set[str] = set()
        #: Paths that are read when their time comes, by number: not by the timer, which would be
        #: part of a cycle with what it calls.
        self._settling: dict[int, tuple[asyncio.TimerHandle, set[str]]] = {}
        self._numbers = itertools.count()

    def take(self, events: Sequence[FolderEvent]) -> None:
        """Handles a batch of events."""
        settling: set[str] = set()
        for event in events:
            if event.kind is EventKind.OVERFLOW:
                self._sweep()
            elif event.kind is EventKind.LOST:
                settling |= self._lose(event.folder)
            elif event.is_folder:
                settling |= self._take_folder(event)
            else:
                self._take_file(event, settling)
        if settling:
            self.settle(settling)

    def settle(self, paths: set[str]) -> None:
        """Reads the paths when what is going on with them has had a moment to end."""
        number = next(self._numbers)
        timer = self._loop.call_later(self._settle_time, self._settled, number)
        self._settling[number] = timer, paths

    def _settled(self, number: int) -> None:
        _, paths = self._settling.pop(number)
        self._check(paths)

    def is_unfinished(self, file: str | None) -> bool:
        """Whether the file is being written for the first time; its close will be an event."""
        return file in self._unfinished

    def expire(self) -> None:
        """Reads unfinished files all the same: what is never closed would never be seen."""
        self._unfinished.clear()

    def close(self) -> None:
        """Forgets what was to settle."""
        for timer, _ in self._settling.values():
            timer.cancel()
        self._settling.clear()

    def _lose(self, folder: str) -> set[str]:
        self._folders.renew(folder)
        self._walks.request_at(folder)
        return set(self._paths.below(folder))

    def _take_folder(self, event: FolderEvent) -> set[str]:
        """Returns the paths that are to settle."""
        paths = self._paths.through(_entry(event))
        if event.kind is EventKind.GONE:
            return set(paths)
        self._check(paths)
        if event.kind in {EventKind.CREATED, EventKind.ARRIVED}:
            self._walks.request_at(event.folder)
        return set()

    def _take_file(self, event: FolderEvent, settling: set[str]) -> None:
        """Reads its paths, or adds them to those that are to settle."""
        entry = _entry(event)
        paths = self._paths.through(entry) | self._walks.join(event.folder, event.name)
        if not paths:
            return
        if event.kind is EventKind.CREATED and _is_being_written(entry):
            self._unfinished.add(entry)
            return
        if event.kind is not EventKind.TOUCHED:
            self._unfinished.discard(entry)
            if event.kind is not EventKind.GONE:
                for waiting in (settling, *(others for _, others in self._settling.values())):
                    waiting.difference_update(paths)  # a checkout removes each file that it writes
                self._check(paths)
                return
        settling |= paths


def _entry(event: FolderEvent) -> str:
    return f"{event.folder.rstrip('/')}/{event.name}"


def _is_being_written(entry: str) -> bool:
    """Whether a new file's content is yet to come: links have theirs when they appear."""
    try:
        found = os.lstat(entry)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
