"""The patterns of all watches: which folders they lead into, and which files they bring in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.watching.content.globs import files_in
from hostler.daemon.watching.content.trace import Tracer
from hostler.daemon.watching.content.watch_record import PENDING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hostler.daemon.watching.content.watch_record import RecordHolder, WatchRecord
    from hostler.daemon.watching.folders.watched_folders import WatchedFolders


class PatternWalker:
    """Keeps the folders watched in which files of patterns are or may appear."""

    def __init__(self, folders: WatchedFolders, watches: Collection[RecordHolder]) -> None:
        """
        Args:
            watches: all that are open, now and later.
        """
        self._folders = folders
        self._watches = watches

    def walk(self, watch: RecordHolder, record: WatchRecord) -> Iterator[None]:
        """Walks the record's patterns, in steps, until the watch has another record.

        At the first walk each file counts as it is found; later, a new file is a change.
        """
        record.is_walk_due = False
        known = None if record.is_walked else PENDING
        visited: set[str] = set()
        for glob in record.globs:
            for listing in glob.walk():
                if watch.record is not record:
                    return
                real = Tracer().trace(listing.folder).real
                if real is not None:
                    if real not in record.places:
                        record.places[real] = []
                        self._folders.acquire(real, entries=True)
                    if listing not in record.places[real]:
                        record.places[real].append(listing)
                    visited.add(real)
                for path in files_in(listing):
                    if path not in record.files:
                        watch.add_found(path, known)
                yield
        for place in record.places.keys() - visited:
            del record.places[place]
            self._folders.release(place, entries=True)
        record.is_walked = True

    def leave(self, record: WatchRecord) -> None:
        """Releases the folders of the record's patterns."""
        for place in record.places:
            self._folders.release(place, entries=True)

    def is_polled(self, record: WatchRecord) -> bool:
        """Returns whether events may fail to come from a folder of the record's patterns."""
        return self._folders.has_polled and any(map(self._folders.is_polled, record.places))

    def paths_of(self, folder: str, name: str) -> set[str]:
        """Returns the paths by which a file is of a pattern, and adds new ones to the records."""
        paths = set()
        for watch in self._watches:
            for listing in watch.record.places.get(folder, ()):
                if listing.matches(name):
                    path = f"{listing.folder.rstrip('/')}/{name}"
                    paths.add(path)
                    if path not in watch.record.files:
                        watch.add_found(path, None)
        return paths

    def request_at(self, folder: str) -> None:
        """Has the patterns walked again that lead through a folder in which a folder came."""
        for watch in self._watches:
            listings = watch.record.places.get(folder, ())
            if any(listing.descends for listing in listings):
                _request(watch)

    def request_from(self, base: str) -> None:
        """Has the patterns walked again that start in a folder to which something happened."""
        for watch in self._watches:
            if any(glob.base == base for glob in watch.record.globs):
                _request(watch)

    def request_polled(self) -> None:
        """Has the patterns walked again of whose folders some have to be polled."""
        for watch in self._watches:
            if self.is_polled(watch.record):
                _request(watch)

    def request_all(self) -> None:
        """Has all patterns walked again."""
        for watch in self._watches:
            if watch.record.globs:
                _request(watch)


def _request(watch: RecordHolder) -> None:
    if not watch.record.is_walk_due:
        watch.record.is_walk_due = True
        watch.walk_soon()
