"""The clock of hostler's own, which goes on where the user's code makes Python's stand still.

Libraries for tests replace `time.monotonic` and its like: in `time`, and in each module that has
imported them by name. A default argument of a function is beyond their reach, and the system's
clock by its number is what none of them replaces.
"""

from __future__ import annotations

import time
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_monotonic: Callable[[], float] = time.monotonic  # Windows, where people test pipelines
_now: Callable[[], float] = time.time
if hasattr(time, "clock_gettime"):
    _monotonic = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    _now = partial(time.clock_gettime, time.CLOCK_REALTIME)


def monotonic(_read: Callable[[], float] = _monotonic) -> float:
    """Returns seconds since some moment; for deadlines and durations."""
    return _read()


def now(_read: Callable[[], float] = _now) -> float:
    """Returns seconds since the epoch."""
    return _read()


def sleep(seconds: float, _sleep: Callable[[float], None] = time.sleep) -> None:
    """Waits."""
    _sleep(seconds)
