"""Patterns of files that a location names beside its code, and the walk that finds them."""

from __future__ import annotations

import fnmatch
import itertools
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

#: The folders of a tree that are watched: a project has no more that a person edits by hand.
MOST_IN_TREE = 1_000

#: What the braces of one pattern may stand for.
MOST_CHOICES = 256

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
    #: The pattern that led here, as it was given; empty for a `Tree`.
    pattern: str = ""

    def matches(self, name: str) -> bool:
        """Returns whether a file of this name belongs to the pattern."""
        return self.names is not None and self.names.fullmatch(name) is not None


class Glob:
    """An absolute pattern without braces; see `globs_of`.

    `*`, `?`, `[...]` stand for something within a part, `**` for any number of folders. As in a
    shell, a leading dot has to be written. A pattern that names a folder stands for all below it.
    `**` follows links, each folder once, and enters neither SKIPPED_FOLDERS nor a virtual
    environment. What editors leave beside a file never matches.
    """

    def __init__(self, pattern: str, given: str = "") -> None:
        """
        Args:
            given: the pattern that this one is a part of, as the user wrote it.

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
        self.given = given or pattern
        self._parts = tuple(parts[max(plain, 0) :])

    def walk(self) -> Iterator[Listing]:
        """Yields the folders in which the pattern may match, each before it is read.

        A folder comes once for each thing that the pattern looks for in it. To miss nothing, a
        caller watches each folder before it asks for the next one.
        """
        if self._parts:
            yield from _Walk(self.given).walk(self.base, self._parts)


class Tree:
    """All files below a folder, each of which counts only once something happens to it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def walk(self) -> Iterator[Listing]:
        """Yields the folders as `Glob.walk` does, MOST_IN_TREE at most."""
        walk = _Walk("").walk(self.folder, ("**", "*"))
        return itertools.islice(walk, 2 * MOST_IN_TREE)  # each folder comes twice


def globs_of(pattern: str) -> tuple[Glob, ...]:
    """Returns what an absolute pattern stands for: `{a,b}` for either, also within another.

    Raises:
        ValueError: the pattern is not absolute.
    """
    return tuple(Glob(each, pattern) for each in dict.fromkeys(_expand(pattern)))


def _expand(pattern: str) -> list[str]:
    """Expands the braces as a shell does: those without a comma stand for themselves."""
    for opening, char in enumerate(pattern):
        if char != "{" or pattern[opening - 1 : opening] == "[":  # in brackets: itself
            continue
        choices, end = _choices(pattern, opening)
        if len(choices) > 1:
            head, tails = pattern[:opening], _expand(pattern[end:])
            inner = [each for choice in choices for each in _expand(choice)]
            expanded = (f"{head}{each}{tail}" for each in inner for tail in tails)
            return list(itertools.islice(expanded, MOST_CHOICES))
    return [pattern]


def _choices(pattern: str, opening: int) -> tuple[list[str], int]:
    """Returns what stands between the commas of a pair of braces, and where the pair ends."""
    depth, begin, choices = 0, opening + 1, list[str]()
    for index in range(opening, len(pattern)):
        char = pattern[index]
        depth += (char == "{") - (char == "}")
        if (char == "," and depth == 1) or not depth:
            choices.append(pattern[begin:index])
            begin = index + 1
        if not depth:
            return choices, index + 1
    return [], len(pattern)


class _Walk:
    """One walk of a pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def walk(self, folder: str, parts: tuple[str, ...]) -> Iterator[Listing]:
        part, rest = parts[0], parts[1:]
        if part == "**":
            yield from self._walk_below(folder, rest)
        elif rest:
            yield Listing(folder, None, descends=True, pattern=self._pattern)
            names = _compile(part)
            for name, _ in _subfolders(folder):
                if names.fullmatch(name):
                    yield from self.walk(_join(folder, name), rest)
        elif _MAGIC.search(part):
            yield Listing(folder, _compile(part), descends=False, pattern=self._pattern)
        else:  # a file, or a folder with all that is in it
            yield Listing(folder, _compile(part), descends=True, pattern=self._pattern)
            below = _join(folder, part)
            if any(name == part for name, _ in _subfolders(folder)):
                yield from self._walk_below(below, ("*",))

    def _walk_below(self, top: str, rest: tuple[str, ...]) -> Iterator[Listing]:
        """Walks all folders below one, each once: a link may lead anywhere, to one above, too."""
        top_real = os.path.realpath(top)
        seen = {top_real}
        todo = [(top, top_real)]
        for folder, real_folder in todo:
            yield from self.walk(folder, rest)
            yield Listing(folder, None, descends=True, pattern=self._pattern)
            for name, is_link in _subfolders(folder):
                if name in SKIPPED_FOLDERS or name.startswith("."):
                    continue
                below = _join(folder, name)
                real = os.path.realpath(below) if is_link else _join(real_folder, name)
                if real in seen or top_real.startswith(real.rstrip("/") + "/"):
                    continue
                if not os.path.lexists(f"{below}/pyvenv.cfg"):
                    seen.add(real)
                    todo.append((below, real))


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


def _subfolders(folder: str) -> list[tuple[str, bool]]:
    """Returns the names of the folders in a folder, and whether each is a link; links come last."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((e.is_symlink(), e.name) for e in entries if e.is_dir())
    except OSError:
        return []
    return [(name, is_link) for is_link, name in found]


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _compile(part: str) -> re.Pattern[str]:
    """Returns a part of the pattern as an expression; noise matches only where asked for."""
    if not _MAGIC.search(part):
        return re.compile(re.escape(part))
    hidden = "" if part.startswith(".") else r"(?!\.)"
    noise = "" if _NOISE.fullmatch(part) else rf"(?!(?xs:{_NOISE.pattern})\Z)"
    return re.compile(noise + hidden + fnmatch.translate(part))
