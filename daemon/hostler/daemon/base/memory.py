"""Whether memory is scarce: on the machine, or in the control group that limits this process."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The part of the memory below which no process is kept waiting.
SCARCE = 0.05

#: Seconds for which an answer holds: it is asked for after each save.
_CACHED_SECONDS = 0.5

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class _Files:
    """The names of a version's files, and of the page cache that the kernel gives up first."""

    limit: str
    usage: str
    cache: bytes


_V1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", b"total_inactive_file ")
_V2 = _Files("memory.max", "memory.current", b"inactive_file ")


class MemoryGroups:
    """The control groups that limit this process: its own, and those above it."""

    def __init__(self, root: Path = _ROOT, own: Path = _OWN) -> None:
        self._groups = tuple(_groups(root, own))

    def headroom(self) -> float:
        """Returns which part of the tightest limit is free; 1 where there is no limit."""
        return min((_headroom(folder, files) for folder, files in self._groups), default=1.0)


def memory_is_scarce() -> bool:
    """Returns whether there is too little memory for processes that wait."""
    now = time.monotonic()
    if now >= _answer[0]:
        _answer[:] = [now + _CACHED_SECONDS, _is_scarce()]
    return bool(_answer[1])


_answer: list[float | bool] = [0.0, False]


def _is_scarce() -> bool:
    memory = psutil.virtual_memory()
    if memory.available <= SCARCE * memory.total:
        return True
    return _own_groups().headroom() <= SCARCE


@cache
def _own_groups() -> MemoryGroups:
    return MemoryGroups()


def _groups(root: Path, own: Path) -> Iterator[tuple[Path, _Files]]:
    """Yields the groups that have a limit's file, in each version that is mounted."""
    try:
        lines = own.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if not controllers:
            for mount in (root, root / "unified"):
                yield from _above(mount, path, _V2)
        elif "memory" in controllers.split(","):
            yield from _above(root / "memory", path, _V1)


def _above(mount: Path, path: str, files: _Files) -> Iterator[tuple[Path, _Files]]:
    """Yields a group and those above it; in a container its path may be that of the host."""
    folder = mount / path.strip("/")
    while folder == mount or mount in folder.parents:
        if (folder / files.limit).exists():
            yield folder, files
        folder = folder.parent


def _headroom(folder: Path, files: _Files) -> float:
    limit = _number(folder / files.limit)
    usage = _number(folder / files.usage)
    if limit is None or usage is None or limit <= 0 or limit >= _total():
        return 1.0
    return 1 - max(0, usage - _cache_size(folder, files)) / limit


def _cache_size(folder: Path, files: _Files) -> int:
    try:
        content = (folder / "memory.stat").read_bytes()
    except OSError:
        return 0
    for line in content.splitlines():
        if line.startswith(files.cache):
            return int(line[len(files.cache) :])
    return 0


def _number(path: Path) -> int | None:
    """Returns what a file says; None for `max`, and where it cannot be read."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None


@cache
def _total() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
