"""What the rest of the daemon knows of the watcher: it hands out watches, which tell of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Mode: TypeAlias = Literal["native", "polling"]

#: Gets the paths of a watch whose content is another one now. Called on the loop.
OnChange: TypeAlias = Callable[[frozenset[str]], None]


class Watch(Protocol):
    """Files that one owner has read, until it is closed. Every method is called on the loop.

    It has a record of what the owner knows: for each path the digest of the content that was
    read, or None where nothing was found. A path that reads as something else is told once, and the
    new content joins the record.
    """

    @property
    def mode(self) -> Mode:
        """Whether every change comes as an event ("native"), or some are looked for."""
        ...

    def replace(self, files: Mapping[str, str | None], globs: Sequence[str] = ()) -> None:
        """Replaces what the owner knows, at the end of a load.

        The record is compared with the disk soon after, so that no change before the call is
        lost. Paths whose digest is what was known and seen before are left out, since events tell
        of those. A small record (some 30 new paths) is watched when this returns, a large one after
        a few turns of the loop.

        Args:
            files: absolute paths with their `content_digest`, None for what was not there.
            globs: absolute patterns; their files count as they are now, or as this watch knew them.

        Raises:
            ValueError: a path or pattern is not absolute.
        """

    def add(self, files: Mapping[str, str | None]) -> None:
        """Adds files to what the owner knows.

        Raises:
            ValueError: a path is not absolute.
        """

    def add_unread(self, paths: Iterable[str]) -> None:
        """Adds files that the owner may have read; the content that is found first counts as known.

        Paths that are in the record already stay as they are.

        Raises:
            ValueError: a path is not absolute.
        """

    def watch_below(self, folders: Iterable[str]) -> None:
        """Has every change below these folders told, until the next `replace` or `watch_below`.

        Folders that `**` does not enter are left out, and what is on file systems without events.
        """

    def counts(self) -> Mapping[str, int] | None:
        """Returns how many files each pattern matches; None before that is known."""

    def reset_throttle(self) -> None:
        """Has the next change told at once, however fast changes come."""

    def close(self) -> None:
        """Ends the watch: it tells nothing more, and its other methods do nothing."""


class Watcher(Protocol):
    """Compares files with what their owners have read, and tells the owners of differences."""

    @property
    def mode(self) -> Mode:
        """The best mode that a watch can have on this machine."""
        ...

    def watch(
        self, files: Mapping[str, str | None], on_change: OnChange, globs: Sequence[str] = ()
    ) -> Watch:
        """Begins a watch; `files` and `globs` are those of `Watch.replace`.

        Raises:
            ValueError: a path or pattern is not absolute.
        """
        ...
