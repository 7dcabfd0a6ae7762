"""The clock that the daemon reads: the event loop's, or one that a test advances."""

from __future__ import annotations

import heapq
import itertools
import time
from typing import TYPE_CHECKING, Protocol, TypeVarTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

Args = TypeVarTuple("Args")


class Timer(Protocol):
    """Stands for a call that the clock will make."""

    def cancel(self) -> None:
        """Cancels the call; does nothing if it has been made."""


class Clock(Protocol):
    """Tells the time, and makes calls later."""

    def monotonic(self) -> float:
        """Returns the seconds since an arbitrary start; they never go back."""
        ...

    def time(self) -> float:
        """Returns the seconds since 1970, for people; the clock may be set, so they may jump."""
        ...

    def call_later(self, delay: float, call: Callable[[*Args], object], *args: *Args) -> Timer:
        """Makes the call once, `delay` seconds from now, on the loop."""
        ...


class LoopClock:
    """Tells the real time, by the clock of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    def time(self) -> float:
        return time.time()

    def call_later(self, delay: float, call: Callable[[*Args], object], *args: *Args) -> Timer:
        return self._loop.call_later(delay, call, *args)


class _FakeTimer:
    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.canceled = False

    def cancel(self) -> None:
        self.canceled = True


class FakeClock:
    """Stands still until `advance`, which makes the calls that fall due, in their order."""

    def __init__(self, *, monotonic: float = 1000.0, time: float = 1_700_000_000.0) -> None:
        self._now = monotonic
        self._offset = time - monotonic
        self._timers: list[tuple[float, int, _FakeTimer]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now + self._offset

    def call_later(self, delay: float, call: Callable[[*Args], object], *args: *Args) -> Timer:
        timer = _FakeTimer(lambda: call(*args))
        heapq.heappush(self._timers, (self._now + max(delay, 0.0), next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Lets time pass and makes each call at its own moment, those armed meanwhile as well."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._timers)
            if not timer.canceled:
                timer.call()
        self._now = end

    def step(self, seconds: float) -> None:
        """Sets the wall clock forwards, or back; no time passes."""
        self._offset += seconds

    @property
    def pending(self) -> tuple[float, ...]:
        """Returns the seconds from now to each call that is still to be made, in order."""
        due = sorted(at for at, _, timer in self._timers if not timer.canceled)
        return tuple(at - self._now for at in due)
