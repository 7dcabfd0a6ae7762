"""The patterns of all watches: which folders they lead into, and which files they bring in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hostler.daemon.watching.content.globs import files_in
from hostler.daemon.watching.content.trace import Tracer
from hostler.daemon.watching.content.watch_record import PENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.daemon.watching.content.globs import Glob, Listing, Tree
    from hostler.daemon.watching.content.watch_record import RecordHolder, WatchRecord
    from hostler.daemon.watching.folders.watched_folders import WatchedFolders

Key = TypeVar("Key")


class PatternWalker:
    """Keeps the folders watched in which files of patterns are or may appear."""

    def __init__(self, folders: WatchedFolders) -> None:
        self._folders = folders
        #: The watches with patterns: by a folder in which one starts, and by one that it leads to
        #: with what is looked for there, so that a name is matched once for all who look for it.
        self._by_base: dict[str, set[RecordHolder]] = {}
        self._by_place: dict[str, dict[Listing, set[RecordHolder]]] = {}

    def enter(self, watch: RecordHolder, record: WatchRecord) -> None:
        """Adds the patterns of a watch; `walk` finds their folders."""
        for glob in record.globs:
            self._by_base.setdefault(glob.base, set()).add(watch)

    def leave(self, watch: RecordHolder, record: WatchRecord) -> None:
        """Removes the patterns of a watch, and releases their folders."""
        for base in {glob.base for glob in record.globs}:
            _discard(self._by_base, base, watch)
        for place, listings in record.places.items():
            self._release(place, listings, watch)

    def walk(self, watch: RecordHolder, record: WatchRecord) -> Iterator[None]:
        """Walks the record's patterns, in steps, until the watch has another record.

        At the first walk each file counts as it is found; later, a new file is a change.
        """
        record.is_walk_due = False
        visited: set[str] = set()
        trees = record.trees
        walked: tuple[Glob | Tree, ...] = (*record.globs, *trees)
        for each in walked:
            for listing in each.walk():
                if watch.record is not record or record.trees is not trees:
                    return
                place = Tracer().trace(listing.folder).real
                is_new = place is not None and self._visit(watch, place, listing)
                if place is not None:
                    visited.add(place)
                for _ in _bring_in(watch, listing, is_new=is_new):
                    yield  # a file may have been read, and a folder may have thousands
                    if watch.record is not record or record.trees is not trees:
                        return
                yield
        if watch.record is not record or record.trees is not trees:
            return  # its folders were released with it
        for place in record.places.keys() - visited:
            self._release(place, record.places.pop(place), watch)
        record.is_walked = True
        record.is_tree_walked = bool(trees)

    def leave_trees(self, watch: RecordHolder, record: WatchRecord) -> None:
        """Removes the trees of a watch, and releases their folders."""
        if not record.trees:
            return
        record.trees, record.is_tree_walked = (), False
        for place, listings in list(record.places.items()):
            self._forget(place, [each for each in listings if not each.pattern], watch)
            listings[:] = [listing for listing in listings if listing.pattern]
            if not listings:
                self._release(place, record.places.pop(place), watch)

    def is_polled(self, record: WatchRecord) -> bool:
        """Returns whether events may fail to come from a folder of the record's patterns."""
        return self._folders.has_polled and any(map(self._folders.is_polled, record.places))

    def paths_of(self, folder: str, name: str) -> set[str]:
        """Returns the paths by which a file is of a pattern, and adds new ones to the records."""
        paths = set()
        for listing, watches in self._by_place.get(folder, {}).items():
            if listing.matches(name):
                path = f"{listing.folder.rstrip('/')}/{name}"
                paths.add(path)
                for watch in watches:
                    _find(watch, path, listing, None)
        return paths

    def is_on_way(self, folder: str) -> bool:
        """Returns whether a pattern leads into the folder."""
        return folder in self._by_place

    def request_at(self, folder: str) -> None:
        """Has the patterns walked again that lead through a folder in which a folder came."""
        for listing, watches in self._by_place.get(folder, {}).items():
            if listing.descends:
                for watch in watches:
                    _request(watch)

    def request_from(self, base: str) -> None:
        """Has the patterns walked again that start in a folder to which something happened."""
        for watch in self._by_base.get(base, ()):
            _request(watch)

    def request_polled(self) -> None:
        """Has the patterns walked again of whose folders some have to be polled."""
        for watch in self._all():
            if self.is_polled(watch.record):
                _request(watch)

    def request_all(self) -> None:
        """Has all patterns walked again."""
        for watch in self._all():
            _request(watch)

    def _all(self) -> set[RecordHolder]:
        return set().union(*self._by_base.values())

    def _visit(self, watch: RecordHolder, place: str, listing: Listing) -> bool:
        """Adds a folder to those of a watch; returns whether this is news of it."""
        listings = watch.record.places.get(place)
        if listings is None:
            listings = watch.record.places[place] = []
            self._folders.acquire(place, entries=True)
        is_new = listing not in listings
        if is_new:
            listings.append(listing)
            self._by_place.setdefault(place, {}).setdefault(listing, set()).add(watch)
        return is_new

    def _release(self, place: str, listings: list[Listing], watch: RecordHolder) -> None:
        self._forget(place, listings, watch)
        self._folders.release(place, entries=True)

    def _forget(self, place: str, listings: list[Listing], watch: RecordHolder) -> None:
        of_place = self._by_place.get(place, {})
        for listing in listings:
            _discard(of_place, listing, watch)
        if not of_place:
            self._by_place.pop(place, None)


def _bring_in(watch: RecordHolder, listing: Listing, *, is_new: bool) -> Iterator[None]:
    """Adds the files that a folder has of a pattern; yields after each that is new.

    A folder of a tree is new, so that its files are changes, once the tree was walked.
    """
    record = watch.record
    if not listing.pattern and not (record.is_tree_walked and is_new):
        return
    known = PENDING if listing.pattern and not record.is_walked else None
    for path in files_in(listing):
        if _find(watch, path, listing, known):
            yield


def _find(watch: RecordHolder, path: str, listing: Listing, known: str | None) -> bool:
    """Adds a file that a pattern or a tree has brought in; returns whether it is a new one."""
    record = watch.record
    is_new = path not in record.files
    if is_new:
        watch.add_found(path, known)
        if not listing.pattern:
            record.strays.add(path)
    if listing.pattern:
        record.note_match(listing.pattern, path)
    return is_new


def _discard(index: dict[Key, set[RecordHolder]], at: Key, watch: RecordHolder) -> None:
    watches = index[at]
    watches.discard(watch)
    if not watches:
        del index[at]


def _request(watch: RecordHolder) -> None:
    if not watch.record.is_walk_due:
        watch.record.is_walk_due = True
        watch.walk_soon()
