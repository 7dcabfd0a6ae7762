"""The watcher's work on the loop, in slices that nobody else notices."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator

#: Of the loop at a time; a save's few files fit many times.
_SLICE_SECONDS = 0.002

#: Done in each turn whatever the clock says, so that a small record is watched at once also where
#: the system has just let us wait.
_LEAST_STEPS = 32


class WorkQueue:
    """Paths to check, which come first, and longer jobs that go on step by step."""

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
        """Whether there is more than the last slice could hold."""
        return bool(self._due or self._jobs)

    def put(self, path: str) -> None:
        """A path to check, in the turn that is under way or to come."""
        self._due[path] = None

    def discard(self, path: str) -> None:
        """A path that need not be checked any more."""
        self._due.pop(path, None)

    def check(self, paths: Iterable[str]) -> None:
        """Checks the paths, now as far as the slice reaches."""
        self._due.update(dict.fromkeys(paths))
        self.run()

    def add(self, job: Iterator[None]) -> None:
        """Does a job, now as far as the slice reaches."""
        self._jobs.append(job)
        self.run()

    def run(self) -> None:
        """One turn. Not to be called from within a check or a job."""
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
        """Leaves everything undone."""
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
            self._jobs.popleft()  # it goes to the loop's exception handler; the others go on
            raise
