"""The time that a load may take, and what is asked when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.loading.stacks import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from hostler.daemon.base.clock import Clock, Timer

#: A process says within some milliseconds where it is; one that is stopped does not.
STACK_SECONDS = 0.2


class LoadTimer:
    """Says when a load is overdue, after the process has told where it is.

    Attributes:
        stack: what it has told.
        has_asked: whether it was asked to.
    """

    def __init__(self, clock: Clock, own_code: str) -> None:
        """
        Args:
            own_code: as `Stack` takes it.
        """
        self.stack = Stack(own_code)
        self.has_asked = False
        self._clock = clock
        self._seconds = 0.0
        self._timer: Timer | None = None
        self._overdue: Callable[[], object] | None = None

    def arm(self, seconds: float, ask: Callable[[], bool], overdue: Callable[[], object]) -> None:
        """Calls when the time is over, and no more what it was to call before.

        Args:
            ask: has the process tell where it is; returns whether there is one that can.
        """
        self.disarm()
        self._seconds = seconds
        self._overdue = overdue
        self._timer = self._clock.call_later(seconds, self._on_due, ask)

    def describe(self, files: Container[str]) -> str:
        """Returns why a load that took too long is given up.

        Args:
            files: the user's, of which the innermost call is named.
        """
        frame = self.stack.innermost(files)
        where = f"; it was at {frame}" if frame else ""
        return f"it was not ready within {self._seconds:g} s{where}"

    def disarm(self) -> None:
        """The load has ended; who was to be called is held no longer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._overdue = None

    def filter_line(self, text: str) -> str | None:
        """Reads a line of the process's stderr; the part of it that is not what was asked for."""
        if not self.has_asked or self.stack.is_whole:
            return text
        left = self.stack.filter_line(text)
        self._end_if_told()
        return left

    def _end_if_told(self) -> None:
        if self.stack.is_whole:
            self._end()

    def _on_due(self, ask: Callable[[], bool]) -> None:
        self.has_asked = ask()
        if self.has_asked:
            self._timer = self._clock.call_later(STACK_SECONDS, self._end)
        else:
            self._end()

    def _end(self) -> None:
        overdue = self._overdue
        self.disarm()
        if overdue is not None:
            overdue()
