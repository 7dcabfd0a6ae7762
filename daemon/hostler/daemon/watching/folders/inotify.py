"""Folder events from inotify.

This stands on watchdog's InotifyFD, not on its Observer. The Observer holds each rename back while
it looks for the other half, by up to half a second where its threads fall out of step (it sleeps
the delay out once it has begun), has a thread for each folder, and does not pass an overflow on.
InotifyFD is the layer beneath: one thread, callbacks for each watch, the overflow among them.
"""

from __future__ import annotations

import enum
import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where more events than this wait for the loop, comparing every path is cheaper than taking them.
_MOST_WAITING = 20_000

# IN_MASK_ADD: one folder may be watched by two paths (bind mounts). IN_DONT_FOLLOW: the folders are
# given with their links resolved.
_ALWAYS = (
    InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
    | InotifyConstants.IN_MASK_ADD
)
# Not IN_MODIFY: it comes before the writer is done.
_ENTRIES = (
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_EXCL_UNLINK
)


class EventKind(enum.Enum):
    """What happened to a folder or to an entry of it."""

    #: Closed after writing.
    WRITTEN = enum.auto()
    #: Its mode, owner or times were changed.
    TOUCHED = enum.auto()
    CREATED = enum.auto()
    #: Moved here, with its whole content.
    ARRIVED = enum.auto()
    #: Deleted, or moved away.
    GONE = enum.auto()
    #: The folder itself was deleted or moved: its watch sees nothing of what is there next.
    LOST = enum.auto()
    #: Events were dropped; anything may have changed.
    OVERFLOW = enum.auto()


_KINDS = (
    (InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF, EventKind.LOST),
    (InotifyConstants.IN_UNMOUNT, EventKind.LOST),
    (InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM, EventKind.GONE),
    (InotifyConstants.IN_MOVED_TO, EventKind.ARRIVED),
    (InotifyConstants.IN_CREATE, EventKind.CREATED),
    (InotifyConstants.IN_CLOSE_WRITE, EventKind.WRITTEN),
    (InotifyConstants.IN_ATTRIB, EventKind.TOUCHED),
)


@dataclass(frozen=True, slots=True)
class FolderEvent:
    """One event, as the loop gets it."""

    kind: EventKind
    #: The watched folder, as it was given.
    folder: str = ""
    #: The entry's name; empty for the folder itself.
    name: str = ""
    is_folder: bool = False


class InotifyFolders:
    """Watches single folders and hands what happens to the loop, in batches.

    All methods are called from the loop's thread, but for `stop`, which may block.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """
        Args:
            wake: called from another thread when there is something to `take`.

        Raises:
            OSError: no inotify instance is left.
        """
        self._wake = wake
        self._inotify = _Inotify()
        self._folders: dict[str, _Folder] = {}
        self._waiting: deque[FolderEvent] = deque()
        self._lock = threading.Lock()
        self._inotify.start()

    def add(self, folder: str, *, entries: bool) -> None:
        """Watches a folder: its own end, and with `entries` all that happens in it.

        Raises:
            OSError: it cannot be watched (missing, no permission, no watch left).
        """
        before = self._folders.get(folder)
        if before is not None and (before.entries or not entries):
            return
        watch = _Folder(folder, entries, self._put)
        mask = Mask(_ALWAYS | (_ENTRIES if entries else 0))
        watch.descriptor = self._inotify.add_callback(
            os.fsencode(folder), mask, watch, CallbackId(id(watch))
        )
        if watch.descriptor < 0:  # InotifyFD raises every error but this one
            self._remove(watch)
            raise PermissionError(f"cannot watch {folder}: no permission to read it")
        self._folders[folder] = watch
        if before is not None:
            self._remove(before)

    def drop(self, folder: str) -> None:
        """Stops watching a folder; does nothing for one that is not watched."""
        watch = self._folders.pop(folder, None)
        if watch is not None:
            self._remove(watch)

    def take(self) -> list[FolderEvent]:
        """Returns what has happened since the last call."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken

    def stop(self) -> None:
        """Ends the thread and closes the descriptors; returns when that is done."""
        self._inotify.stop()
        self._inotify.join()

    def _remove(self, watch: _Folder) -> None:
        watch.is_active = False
        self._inotify.remove_callbacks([(watch.descriptor, CallbackId(id(watch)))])

    def _put(self, event: FolderEvent) -> None:
        """Runs in InotifyFD's thread."""
        with self._lock:
            waiting = self._waiting
            if len(waiting) >= _MOST_WAITING:
                waiting.clear()
                event = FolderEvent(EventKind.OVERFLOW)
            elif waiting and waiting[-1] == event:
                return
            waiting.append(event)
            first = len(waiting) == 1
        if first:
            self._wake()


class _Folder(WatchCallback):
    """One watch. Its methods run in InotifyFD's thread."""

    def __init__(self, path: str, entries: bool, put: Callable[[FolderEvent], None]) -> None:  # noqa: FBT001 - private
        self.path = path
        self.entries = entries
        self.descriptor = WatchDescriptor(-1)
        self.is_active = True
        self._put = put

    def on_event(self, event: InotifyEvent) -> None:
        if not self.is_active:
            return
        for flags, kind in _KINDS:
            if event.mask & flags:
                is_folder = bool(event.mask & InotifyConstants.IN_ISDIR)
                self._put(FolderEvent(kind, self.path, os.fsdecode(event.name), is_folder))
                return

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 - the base's name
        if self.is_active:
            self._put(FolderEvent(EventKind.LOST, self.path))

    def on_queue_overflow(self) -> None:
        if self.is_active:
            self._put(FolderEvent(EventKind.OVERFLOW))


class _Inotify(InotifyFD):
    @classmethod
    def _create_inotify_fd(cls) -> int:
        """Keeps child processes from inheriting the descriptor, as they would by watchdog's own."""
        descriptor = super()._create_inotify_fd()
        os.set_inheritable(descriptor, False)
        return descriptor
