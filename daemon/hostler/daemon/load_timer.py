"""The time that a load may take, and what is asked when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.stacks import Stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.clock import Clock, Timer

#: A process says within some milliseconds where it is; one that is stopped does not.
STACK_SECONDS = 0.2


class LoadTimer:
    """Says when a load is overdue, after the process has told where it is.

    Attributes:
        stack: what it has told.
    """

    def __init__(self, clock: Clock) -> None:
        self.stack = Stack()
        self._clock = clock
        self._timer: Timer | None = None
        self._overdue: Callable[[], object] | None = None
        self._has_asked = False

    def arm(self, seconds: float, ask: Callable[[], bool], overdue: Callable[[], object]) -> None:
        """Calls when the time is over, and no more what it was to call before.

        Args:
            ask: has the process tell where it is; returns whether there is one that can.
        """
        self.disarm()
        self._overdue = overdue
        self._timer = self._clock.call_later(seconds, self._on_due, ask)

    def disarm(self) -> None:
        """The load has ended; who was to be called is held no longer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._overdue = None

    def takes(self, text: str) -> bool:
        """Reads a line of the process's stderr; returns whether it is one of what was asked."""
        if not self._has_asked or not self.stack.take(text):
            return False
        if self.stack.is_whole:
            self._end()
        return True

    def _on_due(self, ask: Callable[[], bool]) -> None:
        self._has_asked = ask()
        if self._has_asked:
            self._timer = self._clock.call_later(STACK_SECONDS, self._end)
        else:
            self._end()

    def _end(self) -> None:
        overdue = self._overdue
        self.disarm()
        if overdue is not None:
            overdue()
