"""What one location was loaded from, as far as the watcher knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hostler.daemon.watching.content.globs import Glob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.daemon.watching.content.digests import FileState
    from hostler.daemon.watching.content.globs import Listing

#: In place of a digest: the file counts as it is found at the first reading. No content has this
#: digest, so an event that comes before that reading is a change.
PENDING = "pending"

#: A content that is told this often without being loaded never will be.
_MOST_TELLINGS = 3


class WatchRecord:
    """The files of one watch with the contents that its owner knows, and its patterns."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """
        Raises:
            ValueError: a pattern is not absolute.
        """
        self.patterns = tuple(patterns)
        self.globs = tuple(Glob(pattern) for pattern in patterns)
        self.files: dict[str, str | None] = {}
        #: Paths that the patterns brought in.
        self.found: set[str] = set()
        #: The folders of the patterns, free of links, with what is looked for there.
        self.places: dict[str, list[Listing]] = {}
        self.is_walked = False
        #: A walk is asked for and has not begun.
        self.is_walk_due = False
        #: What the owner is to be told.
        self.changed: set[str] = set()
        self._told: dict[str, tuple[str | None, FileState, int]] = {}

    def inherit(self, before: WatchRecord) -> None:
        """Goes on from the record that this one replaces."""
        self._told = before._told
        if before.patterns == self.patterns:
            self.found = before.found
            self.places = before.places
            self.is_walked = before.is_walked
            self.files.update((path, before.files[path]) for path in before.found)
            # Of the other files the owner has just said what it knows; they are compared again.
            self.changed = before.changed & before.found

    def adopt(self, path: str, state: FileState) -> bool:
        """Takes what a PENDING path reads as, which is then known.

        Returns:
            Whether the owner knows the content.
        """
        if self.files[path] == PENDING:
            self.files[path] = state.digest
        return self.files[path] == state.digest

    def compare(self, path: str, state: FileState) -> bool:
        """Takes what the path reads as now.

        Returns:
            Whether the owner is to be told, since it knows another content: the path has joined
            `changed`. Once for each content; up to three times where the owner keeps coming back
            with the old one though the file has not been touched, which would else go on forever.
        """
        known = self.files[path]
        if known == state.digest:
            return False
        self.files[path] = state.digest
        last = self._told.get(path)
        count = 1
        if last is not None and last[0] == known and _is_same(last[1], state):
            count = last[2] + 1
        self._told[path] = (known, state, count)
        is_told = count <= _MOST_TELLINGS
        if is_told:
            self.changed.add(path)
        return is_told


class RecordHolder(Protocol):
    """A watch, as those who keep its record up to date know it."""

    record: WatchRecord

    def add_found(self, path: str, known: str | None) -> None:
        """Adds a file that a pattern has brought in, with the content that counts as known."""

    def walk_soon(self) -> None:
        """Walks the patterns again, soon."""

    def tell_soon(self) -> None:
        """Tells the owner what has changed, soon."""


def _is_same(one: FileState, other: FileState) -> bool:
    return one.digest == other.digest and one.stamp == other.stamp
