"""The patterns of all keys: which folders they lead into, and which files they bring in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.watching.content.globs import files
from hostler.daemon.watching.content.trace import Tracer
from hostler.daemon.watching.content.watch_record import PENDING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostler.daemon.watching.content.watch_record import WatchRecord
    from hostler.daemon.watching.folders.watched_folders import WatchedFolders


class PatternWalker:
    """Keeps the folders of the patterns watched."""

    def __init__(
        self,
        folders: WatchedFolders,
        records: Mapping[str, WatchRecord],
        *,
        found: Callable[[str, WatchRecord, str, str | None], None],
        begin: Callable[[str], None],
    ) -> None:
        """
        Args:
            records: all that are watched, by key.
            found: joins a file to a record, with the content that counts as known.
            begin: called with a key whose patterns are to be walked again, soon.
        """
        self._folders = folders
        self._records = records
        self._found = found
        self._begin = begin

    def walk(self, key: str, record: WatchRecord) -> Iterator[None]:
        """Walks the record's patterns, in steps.

        At the first walk a file counts as it is found, later a new file is a change.
        """
        record.is_walk_due = False
        known = None if record.is_walked else PENDING
        visited: set[str] = set()
        for glob in record.globs:
            for listing in glob.walk():
                if self._records.get(key) is not record:
                    return
                real = Tracer().trace(listing.folder).real
                if real is not None:
                    if real not in record.places:
                        record.places[real] = []
                        self._folders.acquire(real, entries=True)
                    if listing not in record.places[real]:
                        record.places[real].append(listing)
                    visited.add(real)
                for path in files(listing):
                    if path not in record.files:
                        self._found(key, record, path, known)
                yield
        for place in record.places.keys() - visited:
            del record.places[place]
            self._folders.release(place, entries=True)
        record.is_walked = True

    def leave(self, record: WatchRecord) -> None:
        """The record's patterns are not watched any more."""
        for place in record.places:
            self._folders.release(place, entries=True)

    def join(self, folder: str, name: str) -> set[str]:
        """The paths by which a file in a watched folder belongs to a pattern; new ones join."""
        paths = set()
        for key, record in self._records.items():
            for listing in record.places.get(folder, ()):
                if listing.takes(name):
                    path = f"{listing.folder.rstrip('/')}/{name}"
                    paths.add(path)
                    if path not in record.files:
                        self._found(key, record, path, None)
        return paths

    def request_at(self, folder: str) -> None:
        """Something happened to a folder, or to one in it: what leads there is walked again."""
        for key, record in self._records.items():
            listings = record.places.get(folder, ())
            if any(listing.descends for listing in listings):
                self._request(key, record)

    def request_from(self, base: str) -> None:
        """Something happened to a folder in which patterns start, or above it."""
        for key, record in self._records.items():
            if any(glob.base == base for glob in record.globs):
                self._request(key, record)

    def request_polled(self) -> None:
        """Walks the patterns again whose folders tell nothing."""
        for key, record in self._records.items():
            if any(map(self._folders.is_polled, record.places)):
                self._request(key, record)

    def request_all(self) -> None:
        """Walks all patterns again."""
        for key, record in self._records.items():
            if record.globs:
                self._request(key, record)

    def _request(self, key: str, record: WatchRecord) -> None:
        if not record.is_walk_due:
            record.is_walk_due = True
            self._begin(key)
