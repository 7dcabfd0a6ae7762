"""Paths that something has happened to, and that are not to be read yet."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable


class DeferredPaths:
    """The paths that get a moment to settle, and the files whose writer is not done."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settle: float,
        check: Callable[[Iterable[str]], None],
    ) -> None:
        """
        Args:
            settle: seconds that a deletion waits, since the file may be on its way back.
            check: reads paths and compares them.
        """
        self._loop = loop
        self._settle = settle
        self._check = check
        #: Created and not closed since: half of a file, or less.
        self._unfinished: set[str] = set()
        #: Paths that are read when their time comes, by number: not by the timer, which would be
        #: part of a cycle with what it calls.
        self._settling: dict[int, tuple[asyncio.TimerHandle, set[str]]] = {}
        self._numbers = itertools.count()

    def defer(self, paths: set[str]) -> None:
        """Reads the paths when what is going on with them has had a moment to end."""
        number = next(self._numbers)
        timer = self._loop.call_later(self._settle, self._settled, number)
        self._settling[number] = timer, paths

    def withdraw(self, paths: set[str]) -> None:
        """Removes paths that are read now from those that settle."""
        for _, settling in self._settling.values():
            settling.difference_update(paths)

    def begin_file(self, entry: str) -> None:
        """Notes that a file has been created whose close will be an event."""
        self._unfinished.add(entry)

    def end_file(self, entry: str) -> None:
        """Notes that a file was closed, or is no longer where it was created."""
        self._unfinished.discard(entry)

    def is_unfinished(self, file: str | None) -> bool:
        """Whether the file is being written for the first time."""
        return file in self._unfinished

    def expire(self) -> None:
        """Has unfinished files read all the same: what is never closed would never be seen."""
        self._unfinished.clear()

    def close(self) -> None:
        """Forgets what was to settle."""
        for timer, _ in self._settling.values():
            timer.cancel()
        self._settling.clear()

    def _settled(self, number: int) -> None:
        _, paths = self._settling.pop(number)
        self._check(paths)
