"""A limit of time that does not run while something holds it, as a debugger does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TimeLimit:
    """Calls a function once after so many seconds that were not held.

    Args:
        seconds: 0 for no limit.
        on_overdue: what is called.
    """

    def __init__(self, seconds: float, on_overdue: Callable[[], None]) -> None:
        self._on_overdue = on_overdue
        self._left = seconds
        self._holds = 0
        self._timer: asyncio.TimerHandle | None = None
        self._run()

    def hold(self) -> None:
        """Stops the time; once more for each that holds it."""
        self._holds += 1
        if self._timer is not None:
            loop = asyncio.get_running_loop()
            # what is left; never 0, which is no limit
            self._left = max(self._timer.when() - loop.time(), 0.001)
            self.end()

    def release(self) -> None:
        """Lets the time go on, once the last one has released it."""
        self._holds = max(self._holds - 1, 0)
        if not self._holds and self._timer is None:
            self._run()

    def end(self) -> None:
        """Watches no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        if self._left:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._left, self._on_overdue)
