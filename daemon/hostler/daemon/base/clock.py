"""Time, as what decides about it sees it: the loop's clock, and one that a test turns by hand."""

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
    """A call that is yet to come."""

    def cancel(self) -> None:
        """The call will not come; after it came, nothing."""


class Clock(Protocol):
    """What time it is, and what is to happen later."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never set back."""
        ...

    def time(self) -> float:
        """Seconds since 1970, to be shown; may jump."""
        ...

    def call_later(self, delay: float, call: Callable[[*Args], object], *args: *Args) -> Timer:
        """Calls once, `delay` seconds from now, on the loop."""
        ...


class LoopClock:
    """The real clock, of one event loop."""

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
        """Lets time pass, with each call at its own moment; what it arms falls due as well."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._timers)
            if not timer.canceled:
                timer.call()
        self._now = end

    @property
    def pending(self) -> tuple[float, ...]:
        """Seconds from now to each call that is to come, in order."""
        due = sorted(at for at, _, timer in self._timers if not timer.canceled)
        return tuple(at - self._now for at in due)
