"""The folders that are watched: each once, however many paths and patterns need it."""

from __future__ import annotations

import errno
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.base.journal import Journal
    from hostler.daemon.watching.folders.inotify import InotifyFolders
    from hostler.daemon.watching.folders.mounts import Mounts


class WatchedFolders:
    """Counts the needs for each folder, and knows which folders have to be polled."""

    def __init__(self, inotify: InotifyFolders | None, mounts: Mounts, journal: Journal) -> None:
        """
        Args:
            inotify: None where every folder is to be polled.
        """
        self._inotify = inotify
        self._mounts = mounts
        self._journal = journal
        self._entries: Counter[str] = Counter()
        self._selves: Counter[str] = Counter()
        self._polled: set[str] = set()
        self._is_full = False

    @property
    def has_polled(self) -> bool:
        """Whether any folder has to be polled."""
        return bool(self._polled)

    def is_polled(self, folder: str) -> bool:
        """Returns whether events of this folder's entries may fail to come."""
        return folder in self._polled

    def acquire(self, folder: str, *, entries: bool) -> bool:
        """Adds a need for a folder: for what happens in it with `entries`, else for its own end.

        Returns:
            Whether it was not watched in this way before: what was read earlier may be out of date.
        """
        counter = self._entries if entries else self._selves
        counter[folder] += 1
        return counter[folder] == 1 and self._add(folder, entries=entries)

    def release(self, folder: str, *, entries: bool) -> None:
        """Removes a need that `acquire` has added."""
        counter = self._entries if entries else self._selves
        counter[folder] -= 1
        if counter[folder]:
            return
        del counter[folder]
        if entries:
            self._polled.discard(folder)
        if folder not in self._entries and folder not in self._selves and self._inotify is not None:
            self._inotify.drop(folder)

    def renew(self, folder: str) -> None:
        """Watches what is now at the path of a folder that was moved or deleted, and below it.

        The folders below one that was moved still have their watches, on what has moved.
        """
        if self._inotify is None:
            return
        below = folder.rstrip("/") + "/"
        for each in self._entries.keys() | self._selves.keys():
            if each == folder or each.startswith(below):
                self._inotify.drop(each)
                self._add(each, entries=each in self._entries)

    def retry(self) -> None:
        """Tries every folder again: watches may be free by now, and mounts may have changed."""
        self._is_full = False
        for folder in list(self._entries):
            self._add(folder, entries=True)

    def _add(self, folder: str, *, entries: bool) -> bool:
        polled = entries and (self._inotify is None or self._mounts.is_remote(folder))
        try:
            if self._inotify is not None:
                self._inotify.add(folder, entries=entries)
        except (FileNotFoundError, NotADirectoryError):
            pass  # gone since it was traced; the next trace says so
        except OSError as error:
            polled = polled or entries
            self._warn_of_missing_watches(folder, error)
        if polled:
            self._polled.add(folder)
        elif entries:
            self._polled.discard(folder)
        return True

    def _warn_of_missing_watches(self, folder: str, error: OSError) -> None:
        if error.errno != errno.ENOSPC or self._is_full:
            return
        self._is_full = True  # one warning for each round, not for each folder
        self._journal.warning(
            "no inotify watch is left",
            folder=folder,
            action="it is polled",
            remedy="raise fs.inotify.max_user_watches",
        )
