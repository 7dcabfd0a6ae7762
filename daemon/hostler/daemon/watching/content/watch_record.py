"""The record of one watch: which content of each file its owner knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hostler.daemon.watching.content.globs import globs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.daemon.watching.content.digests import FileState
    from hostler.daemon.watching.content.globs import Listing, Tree

#: Stands for a digest: the content that the first read finds counts as known. No content has this
#: digest, so an event that comes before that read is a change.
PENDING = "pending"

#: An owner that was told of a content this often and has not loaded it never will.
_MOST_TELLINGS = 3


class WatchRecord:
    """The files of one watch with the contents that its owner knows, and its patterns."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """
        Raises:
            ValueError: a pattern is not absolute.
        """
        self.patterns = tuple(patterns)
        self.globs = tuple(glob for pattern in patterns for glob in globs_of(pattern))
        self.files: dict[str, str | None] = {}
        #: The files that are there because a pattern matches them.
        self.found: set[str] = set()
        #: The same files by pattern.
        self.matched: dict[str, set[str]] = {}
        #: Folders below which everything counts, and the files there to which something happened.
        self.trees: tuple[Tree, ...] = ()
        self.is_tree_walked = False
        self.strays: set[str] = set()
        #: The folders that the patterns lead into, links resolved, with what is looked for in each.
        self.places: dict[str, list[Listing]] = {}
        self.is_walked = False
        #: Whether a walk is asked for and has not begun.
        self.is_walk_due = False
        #: What the owner is to be told.
        self.changed: set[str] = set()
        self._counts: dict[str, int] | None = None
        self._told: dict[str, tuple[str | None, FileState, int]] = {}

    def inherit(self, before: WatchRecord) -> None:
        """Takes over what still counts of the record that this one replaces."""
        self._told = before._told
        if before.patterns == self.patterns:
            self.found = before.found
            self.matched = before.matched
            self.places = before.places
            self.is_walked = before.is_walked
            self.files.update((path, before.files[path]) for path in before.found)
            # The other files are compared again: the owner has just said what it knows of them.
            self.changed = before.changed & before.found

    def note_match(self, pattern: str, path: str) -> None:
        """Notes that a file is there because a pattern matches it."""
        self.found.add(path)
        self.matched.setdefault(pattern, set()).add(path)
        self._counts = None

    def counts(self) -> dict[str, int] | None:
        """Returns how many files each pattern matches; None before the patterns were walked."""
        if not self.is_walked:
            return None
        if self._counts is None:
            there = self.files
            self._counts = {
                pattern: sum(there.get(path) is not None for path in self.matched.get(pattern, ()))
                for pattern in self.patterns
            }
        return self._counts

    def adopt(self, path: str, state: FileState) -> bool:
        """Notes what the path reads as; where it was PENDING, the owner counts as knowing that.

        Returns:
            Whether the owner knows the content.
        """
        if self.files[path] == PENDING:
            self.files[path] = state.digest
            self._counts = None
        return self.files[path] == state.digest

    def compare(self, path: str, state: FileState) -> bool:
        """Notes what the path reads as now, after something happened to it.

        Returns:
            Whether the owner is to be told, since it knows another content: the path has joined
            `changed`. That happens once for each content. Where the owner keeps coming back with
            the old content though the file has not been touched, it happens three times at most;
            it would go on forever otherwise.
        """
        known = self.files[path]
        if known == state.digest:
            return False
        self.files[path] = state.digest
        self._counts = None
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
        """Adds a file that a pattern or a tree has brought in, with the content that is known."""

    def walk_soon(self) -> None:
        """Walks the patterns again, soon."""

    def tell_soon(self) -> None:
        """Tells the owner what has changed, soon."""


def _is_same(one: FileState, other: FileState) -> bool:
    return one.digest == other.digest and one.stamp == other.stamp
