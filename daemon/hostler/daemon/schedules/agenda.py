"""The agenda: when each schedule is looked at next, the nearest first."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

K = TypeVar("K")


class Agenda(Generic[K]):
    """Holds at most one moment for each key."""

    def __init__(self) -> None:
        self._moments: dict[K, float] = {}
        self._heap: list[tuple[float, K]] = []

    def __len__(self) -> int:
        return len(self._moments)

    def set(self, key: K, moment: float | None) -> None:
        """Puts a key at a moment, in place of its earlier one; None takes it out."""
        if moment is None:
            self._moments.pop(key, None)
        elif self._moments.get(key) != moment:
            self._moments[key] = moment
            heapq.heappush(self._heap, (moment, key))

    def first(self) -> float | None:
        """Returns the nearest moment; None where there is none."""
        while self._heap and self._moments.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # an earlier moment of that key
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float, most: int) -> list[K]:
        """Takes out the keys that are due by now, in order; at most so many."""
        found: list[K] = []
        while len(found) < most:
            moment = self.first()
            if moment is None or moment > now:
                break
            _, key = heapq.heappop(self._heap)
            del self._moments[key]
            found.append(key)
        return found
