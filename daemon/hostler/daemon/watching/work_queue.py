"""The watcher's work on the loop, in slices so short that nothing else waits for it."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator

#: How long one turn keeps the loop; the few files of a save need a fraction of it.
_SLICE_SECONDS = 0.002

#: Steps that each turn does whatever the clock says, so that a small record is watched at once also
#: where the system has just kept the daemon waiting.
_LEAST_STEPS = 32


class WorkQueue:
    """Holds paths to check, which come first, and longer jobs that go on step by step."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        begin: Callable[[], None],
        check: Callable[[str], None],
        checked: Callable[[], None],
    ) -> None:
        """
        Args:
            begin: called before each turn.
            check: reads one path.
            checked: called when no path is left to check.
        """
        self._loop = loop
        self._begin = begin
        self._check = check
        self._checked = checked
        self._due: dict[str, None] = {}
        self._jobs: deque[Iterator[None]] = deque()
        self._next: asyncio.Handle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether work is left for later turns."""
        return bool(self._due or self._jobs)

    def put(self, path: str) -> None:
        """Adds a path to check, in the turn that is under way or in the next one."""
        self._due[path] = None

    def discard(self, path: str) -> None:
        """Removes a path that need not be checked any more."""
        self._due.pop(path, None)

    def check(self, paths: Iterable[str]) -> None:
        """Checks the paths: now as far as the slice reaches, the rest in later turns."""
        self._due.update(dict.fromkeys(paths))
        self.run()

    def add(self, job: Iterator[None]) -> None:
        """Does a job: now as far as the slice reaches, the rest in later turns."""
        self._jobs.append(job)
        self.run()

    def run(self) -> None:
        """Does one turn. Must not be called from within a check or a job."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._begin()
        end = self._loop.time() + _SLICE_SECONDS
        try:
            for count in itertools.count():
                if not self.is_busy or (count >= _LEAST_STEPS and self._loop.time() >= end):
                    break
                if self._due:
                    path = next(iter(self._due))
                    del self._due[path]
                    self._check(path)
                else:
                    self._step()
        finally:
            if not self._due:
                self._checked()
            if self.is_busy:
                self._next = self._loop.call_soon(self.run)

    def close(self) -> None:
        """Drops all that is left to do."""
        self._due.clear()
        self._jobs.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _step(self) -> None:
        job = self._jobs[0]
        try:
            next(job)
        except StopIteration:
            self._jobs.popleft()
        except BaseException:
            self._jobs.popleft()  # the error goes to the loop's exception handler; other jobs go on
            raise
