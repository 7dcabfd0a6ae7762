"""How a path resolves: a change of any folder or link on its way may change where it leads."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

#: As the kernel's own limit (MAXSYMLINKS).
_MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a path leads at present. Of each path in it, only the last part may be a link."""

    #: The file or folder itself; None where it, or a folder above it, is missing.
    real: str | None
    #: The folder entries that decide about the path: each link, the file, the first missing part.
    entries: frozenset[str]
    #: The folders on the way; one that is moved or removed takes the path with it.
    folders: frozenset[str]


_ROOT = Trace("/", frozenset(), frozenset())


class Tracer:
    """Follows paths, and looks once at each folder that they share. Each round takes a new one."""

    def __init__(self) -> None:
        self._folders: dict[str, Trace] = {}

    def trace(self, path: str) -> Trace:
        """Returns where an absolute path leads."""
        return self._step(path, 0)

    def _folder(self, path: str, links: int) -> Trace:
        if path == "/":
            return _ROOT
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self._step(path, links)
        return known

    def _step(self, path: str, links: int) -> Trace:
        folder, _, name = path.rstrip("/").rpartition("/")
        above = self._folder(folder or "/", links)
        if above.real is None or name in {"", "."}:
            return above
        if name == "..":
            return Trace(os.path.dirname(above.real), above.entries, above.folders)  # noqa: PTH120
        full = above.real.rstrip("/") + "/" + name
        try:
            mode = os.lstat(full).st_mode
            target = os.readlink(full) if stat.S_ISLNK(mode) else None  # noqa: PTH115 - text wanted
        except NotADirectoryError:  # `above` is a file; its own entry is in the trace
            return Trace(None, above.entries, above.folders)
        except OSError:
            return Trace(None, above.entries | {full}, above.folders)
        if target is not None:
            if links >= _MAX_LINKS:
                return Trace(None, above.entries | {full}, above.folders)
            found = self._step(
                target if target.startswith("/") else f"{above.real}/{target}", links + 1
            )
            return Trace(
                found.real, above.entries | found.entries | {full}, above.folders | found.folders
            )
        if stat.S_ISDIR(mode):
            return Trace(full, above.entries, above.folders | {full})
        return Trace(full, above.entries | {full}, above.folders)
