"""The time limit of a load: when it has passed, the process is asked for its stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.loading.stacks import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from hostler.daemon.base.clock import Clock, Timer

#: A process writes its stack within some milliseconds; one that is stopped never does.
STACK_SECONDS = 0.2


class LoadTimer:
    """Calls back when a load is overdue, after the process has written its stack.

    Attributes:
        stack: the stack that the process has written.
        has_asked: whether the process was asked for it.
    """

    def __init__(self, clock: Clock, own_code: str) -> None:
        """
        Args:
            own_code: see `Stack`.
        """
        self.stack = Stack(own_code)
        self.has_asked = False
        self._clock = clock
        self._seconds = 0.0
        self._timer: Timer | None = None
        self._overdue: Callable[[], object] | None = None

    def arm(self, seconds: float, ask: Callable[[], bool], overdue: Callable[[], object]) -> None:
        """Arms the timer, in place of what it was armed for before.

        Args:
            ask: asks the process for its stack; returns whether it could be asked.
            overdue: called when the time is over and the stack has come, or does not come.
        """
        self.disarm()
        self._seconds = seconds
        self._overdue = overdue
        self._timer = self._clock.call_later(seconds, self._on_due, ask)

    def describe(self, files: Container[str]) -> str:
        """Returns why a load that took too long is given up.

        Args:
            files: the user's files; the reason names the innermost call in one of them.
        """
        frame = self.stack.innermost(files)
        where = f"; it was at {frame}" if frame else ""
        return f"it was not ready within {self._seconds:g} s{where}"

    def disarm(self) -> None:
        """Disarms the timer, and drops the reference to what it would have called."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._overdue = None

    def filter_line(self, text: str) -> str | None:
        """Reads a line of the process's stderr; returns the part that is none of the stack."""
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
