"""Which of the watched paths an event in a folder concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.watching.content.digests import is_listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.daemon.watching.content.trace import Trace
    from hostler.daemon.watching.folders.watched_folders import WatchedFolders


class PathIndex:
    """Finds paths by the entries and folders of their traces, and has those folders watched."""

    def __init__(self, folders: WatchedFolders) -> None:
        self._folders = folders
        self._traces: dict[str, Trace] = {}
        self._by_entry: dict[str, set[str]] = {}
        self._by_folder: dict[str, set[str]] = {}
        #: By folder: the paths that stand for the names in it.
        self._listings: dict[str, set[str]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._traces

    def __iter__(self) -> Iterator[str]:
        return iter(self._traces)

    @property
    def has_polled(self) -> bool:
        """Whether events may fail to come for any path."""
        return self._folders.has_polled

    def real(self, path: str) -> str | None:
        """Returns the file that the path leads to, by its last trace."""
        trace = self._traces.get(path)
        return trace.real if trace is not None else None

    def put(self, path: str, trace: Trace) -> bool:
        """Sets the path's present trace.

        Returns:
            Whether a folder is watched for it now that was not before: the caller traces the path
            again, since the folder may have changed before it was watched.
        """
        before = self._traces.get(path)
        if before == trace:
            return False
        self._traces[path] = trace
        # The new folders come first, so that a folder of both traces stays watched.
        is_new = False
        for entry in trace.entries:
            self._by_entry.setdefault(entry, set()).add(path)
            is_new |= self._folders.acquire(parent(entry), entries=True)
        for folder in trace.folders:
            self._by_folder.setdefault(folder, set()).add(path)
            is_new |= self._folders.acquire(folder, entries=False)
        if is_listing(path) and trace.real is not None:
            self._listings.setdefault(trace.real, set()).add(path)
            is_new |= self._folders.acquire(trace.real, entries=True)
        if before is not None:
            self._leave(path, before, trace)
        return is_new

    def drop(self, path: str) -> None:
        """Removes a path that no watch has any more."""
        trace = self._traces.pop(path, None)
        if trace is not None:
            self._leave(path, trace, None)

    def through(self, entry: str) -> set[str]:
        """Returns the paths that lead to or through this folder entry."""
        return self._by_entry.get(entry, set())

    def below(self, folder: str) -> set[str]:
        """Returns the paths that lead through this folder."""
        return self._by_folder.get(folder, set())

    def listings(self, folder: str) -> set[str]:
        """Returns the paths that stand for the names in this folder."""
        return self._listings.get(folder, set())

    def is_polled(self, path: str) -> bool:
        """Returns whether events that concern the path may fail to come."""
        if not self._folders.has_polled:
            return False
        trace = self._traces.get(path)
        if trace is None:
            return False
        if is_listing(path) and trace.real is not None and self._folders.is_polled(trace.real):
            return True
        return any(self._folders.is_polled(parent(entry)) for entry in trace.entries)

    def _leave(self, path: str, trace: Trace, after: Trace | None) -> None:
        for entry in trace.entries:
            if after is None or entry not in after.entries:
                _discard(self._by_entry, entry, path)
            self._folders.release(parent(entry), entries=True)
        for folder in trace.folders:
            if after is None or folder not in after.folders:
                _discard(self._by_folder, folder, path)
            self._folders.release(folder, entries=False)
        if is_listing(path) and trace.real is not None:
            if after is None or after.real != trace.real:
                _discard(self._listings, trace.real, path)
            self._folders.release(trace.real, entries=True)


def parent(entry: str) -> str:
    """Returns the folder of an entry; both are absolute, with links resolved."""
    return entry.rpartition("/")[0] or "/"


def _discard(index: dict[str, set[str]], at: str, path: str) -> None:
    paths = index[at]
    paths.discard(path)
    if not paths:
        del index[at]
