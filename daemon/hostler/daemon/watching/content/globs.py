"""Patterns of files that a location names beside its code, and the walk that finds them."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: `**` enters none of these: they hold much, and nothing that a user saves by hand.
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})

# What editors and the interpreter leave beside a file; no pattern is meant to match these.
_NOISE = re.compile(
    r"""
    .*\.py[co] | .*~ | \#.*\# | \.\#.* | .*\.sw[a-px] | 4913 | .*\.kate-swp
    | .*___jb_(tmp|old)___ | \.goutputstream-.* | \.~lock\..*\# | .*\.tmp
    """,
    re.VERBOSE | re.DOTALL,
)
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder of a walk, and what to look for in it."""

    #: As the pattern spells it, links unresolved.
    folder: str
    #: What a file's name has to match; None where no file here is of the pattern.
    names: re.Pattern[str] | None
    #: Whether a folder that appears here may hold files of the pattern.
    descends: bool

    def matches(self, name: str) -> bool:
        """Returns whether a file of this name belongs to the pattern."""
        return self.names is not None and self.names.fullmatch(name) is not None


class Glob:
    """An absolute pattern: `*`, `?`, `[...]` within a part, `**` for any number of folders.

    As in a shell, a leading dot has to be written. `**` follows no links and enters neither
    SKIPPED_FOLDERS nor a virtual environment. What editors leave beside a file never matches.
    """

    def __init__(self, pattern: str) -> None:
        """
        Raises:
            ValueError: the pattern is not absolute.
        """
        if not pattern.startswith("/"):
            raise ValueError(f"cannot watch {pattern!r}: the pattern has to be absolute")
        parts = [part for part in pattern.split("/") if part not in {"", "."}]
        if parts and parts[-1] == "**":
            parts.append("*")
        plain = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts) - 1)
        #: The folder above the first part with a wildcard; the walk starts in it.
        self.base = "/" + "/".join(parts[: max(plain, 0)])
        self._parts = tuple(parts[max(plain, 0) :])

    def walk(self) -> Iterator[Listing]:
        """Yields the folders in which the pattern may match, each before it is read.

        A folder comes once for each thing that the pattern looks for in it. To miss nothing, a
        caller watches each folder before it asks for the next one.
        """
        if self._parts:
            yield from _walk(self.base, self._parts)


def _walk(folder: str, parts: tuple[str, ...]) -> Iterator[Listing]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _walk(folder, rest)
        yield Listing(folder, None, descends=True)
        for name in _subfolders(folder, follow=False):
            if name not in SKIPPED_FOLDERS and not name.startswith("."):
                below = _join(folder, name)
                if not os.path.lexists(f"{below}/pyvenv.cfg"):
                    yield from _walk(below, parts)
    elif rest:
        yield Listing(folder, None, descends=True)
        names = _compile(part)
        for name in _subfolders(folder, follow=True):
            if names.fullmatch(name):
                yield from _walk(_join(folder, name), rest)
    else:
        yield Listing(folder, _compile(part), descends=False)


def files_in(listing: Listing) -> list[str]:
    """Returns the files of the pattern that are in the folder now."""
    if listing.names is None:
        return []
    try:
        with os.scandir(listing.folder) as entries:
            found = [e.name for e in entries if listing.matches(e.name) and e.is_file()]
    except OSError:
        return []
    return [_join(listing.folder, name) for name in found]


def _subfolders(folder: str, *, follow: bool) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=follow))
    except OSError:
        return []


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _compile(part: str) -> re.Pattern[str]:
    """Returns a part of the pattern as an expression; noise matches only where asked for."""
    if not _MAGIC.search(part):
        return re.compile(re.escape(part))
    hidden = "" if part.startswith(".") else r"(?!\.)"
    noise = "" if _NOISE.fullmatch(part) else rf"(?!(?xs:{_NOISE.pattern})\Z)"
    return re.compile(noise + hidden + fnmatch.translate(part))
