"""The clock of hostler's own, which goes on where the user's code makes Python's stand still.

Libraries for tests replace `time.monotonic` and its like: in `time`, and in each module that has
imported them by name. A default argument of a function is beyond their reach, and the system's
clock by its number is what none of them replaces.
"""

from __future__ import annotations

import time

if hasattr(time, "clock_gettime"):

    def monotonic(_read: object = time.clock_gettime, _clock: int = time.CLOCK_MONOTONIC) -> float:
        """Returns seconds since some moment; for deadlines and durations."""
        return _read(_clock)  # type: ignore[no-any-return, operator]

    def now(_read: object = time.clock_gettime, _clock: int = time.CLOCK_REALTIME) -> float:
        """Returns seconds since the epoch."""
        return _read(_clock)  # type: ignore[no-any-return, operator]

else:  # Windows, where people test pipelines

    def monotonic(_read: object = time.monotonic) -> float:  # type: ignore[misc]
        """Returns seconds since some moment; for deadlines and durations."""
        return _read()  # type: ignore[no-any-return, operator]

    def now(_read: object = time.time) -> float:  # type: ignore[misc]
        """Returns seconds since the epoch."""
        return _read()  # type: ignore[no-any-return, operator]


def sleep(seconds: float, _sleep: object = time.sleep) -> None:
    """Waits."""
    _sleep(seconds)  # type: ignore[operator]
