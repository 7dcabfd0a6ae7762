"""When to tell of a change: the first at once, those that come faster than loads together."""

from __future__ import annotations

#: Quiet for this many times the longest hold, and the next change is a first one again.
_QUIET_FACTOR = 10


class Throttle:
    """The rhythm of one location's changes; has no clock of its own."""

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._hold = shortest
        self._told: float | None = None

    def delay(self, now: float) -> float:
        """How long to collect from now on before telling, 0 to tell at once. Ask once a telling."""
        if self._told is None or now - self._told > _QUIET_FACTOR * self._longest:
            self._hold = self._shortest
            wait = 0.0
        else:
            wait = self._hold
            self._hold = min(self._hold * 2, self._longest)
        self._told = now + wait
        return wait

    def reset(self) -> None:
        """A load has ended: the next change does not come faster than loads."""
        self._told = None
