"""When an owner is told of changes: of the first at once, of those that follow fast together."""

from __future__ import annotations

#: After this many times the longest hold without a change, the next one is told at once again.
_QUIET_FACTOR = 10


class Throttle:
    """Decides how long the changes of one watch are held back; the caller says what time it is."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._hold = shortest
        self._told: float | None = None

    def delay(self, now: float) -> float:
        """Returns for how many seconds to collect changes; called once for each telling."""
        if self._told is None or now - self._told > _QUIET_FACTOR * self._longest:
            self._hold = self._shortest
            wait = 0.0
        else:
            wait = self._hold
            self._hold = min(self._hold * 2, self._longest)
        self._told = now + wait
        return wait

    def reset(self) -> None:
        """Has the next change told at once: a load has ended, so changes do not outrun loads."""
        self._told = None
