"""What a folder event means for the paths that are watched."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from hostler.daemon.watching.folders.inotify import EventKind, FolderEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hostler.daemon.watching.folders.deferred_paths import DeferredPaths
    from hostler.daemon.watching.folders.path_index import PathIndex
    from hostler.daemon.watching.folders.pattern_walker import PatternWalker
    from hostler.daemon.watching.folders.watched_folders import WatchedFolders

_COMING = frozenset({EventKind.CREATED, EventKind.ARRIVED})


class EventHandler:
    """Turns events into paths to be read: at once, after a while, or when their writer is done."""

    def __init__(
        self,
        folders: WatchedFolders,
        paths: PathIndex,
        walker: PatternWalker,
        deferred: DeferredPaths,
        *,
        check: Callable[[Iterable[str]], None],
        sweep: Callable[[], None],
    ) -> None:
        """
        Args:
            check: reads paths and compares them.
            sweep: reads every path, since events were lost.
        """
        self._folders = folders
        self._paths = paths
        self._walker = walker
        self._deferred = deferred
        self._check = check
        self._sweep = sweep

    def take(self, events: Sequence[FolderEvent]) -> None:
        """Handles a batch of events."""
        settling: set[str] = set()
        for event in events:
            if event.kind is EventKind.OVERFLOW:
                self._sweep()
            elif event.kind is EventKind.LOST:
                settling |= self._lose(event.folder)
            else:
                settling |= self._listings(event)
                if event.is_folder:
                    settling |= self._take_folder(event)
                else:
                    self._take_file(event, settling)
        if settling:
            self._deferred.defer(settling)

    def _listings(self, event: FolderEvent) -> set[str]:
        """Returns the listings whose names have changed.

        They are to settle: what is written beside a file and renamed over it is soon gone again.
        """
        listings = self._paths.listings(event.folder)
        if not listings or event.kind is EventKind.TOUCHED:
            return set()
        is_new_file = event.kind is EventKind.CREATED and not event.is_folder
        return set() if is_new_file and _is_being_written(_entry(event)) else listings

    def _lose(self, folder: str) -> set[str]:
        self._folders.renew(folder)
        self._walker.request_at(folder)
        return set(self._paths.below(folder))

    def _take_folder(self, event: FolderEvent) -> set[str]:
        """Handles what happened to a folder, and returns the paths that are to settle."""
        paths = self._paths.through(_entry(event))
        if event.kind is EventKind.GONE:
            return set(paths)
        self._check(paths)
        if event.kind in _COMING:
            self._walker.request_at(event.folder)
        return set()

    def _take_file(self, event: FolderEvent, settling: set[str]) -> None:
        """Reads the paths of a file to which something happened, or adds them to `settling`."""
        entry = _entry(event)
        if event.kind in _COMING and self._walker.is_on_way(event.folder) and _is_link(entry):
            self._walker.request_at(event.folder)  # it may lead to a folder
        paths = self._paths.through(entry) | self._walker.paths_of(event.folder, event.name)
        if not paths:
            return
        if event.kind is EventKind.CREATED and _is_being_written(entry):
            self._deferred.begin_file(entry)
            return
        if event.kind is not EventKind.TOUCHED:
            self._deferred.end_file(entry)
            if event.kind is not EventKind.GONE:
                # a checkout removes each file before it writes it
                settling.difference_update(paths)
                self._deferred.withdraw(paths)
                self._check(paths)
                return
        settling |= paths


def _entry(event: FolderEvent) -> str:
    return f"{event.folder.rstrip('/')}/{event.name}"


def _is_link(entry: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(entry).st_mode)
    except OSError:
        return False


def _is_being_written(entry: str) -> bool:
    """Returns whether a new file's content is yet to come: a link has it when it appears."""
    try:
        found = os.lstat(entry)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
