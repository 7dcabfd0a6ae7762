"""How many runs may be active at once, and which of those that wait is next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostler.daemon.base.tag_limits import TagLimit

#: What a limit counts: ("all",), ("location", name), ("tag", key, value), ("value", key, value).
_LimitKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How many runs may be active at once.

    Attributes:
        all: of all locations together.
        location: of each location; 0 for no such limit.
        tags: with a tag.
    """

    all: int
    location: int = 0
    tags: tuple[TagLimit, ...] = ()

    def limits_of(self, location: str, tags: Mapping[str, str]) -> Iterator[tuple[_LimitKey, int]]:
        """Yields the limits that a run comes under."""
        yield ("all",), self.all
        if self.location:
            yield ("location", location), self.location
        for each in self.tags:
            value = tags.get(each.key)
            if value is not None and each.value in (None, value):
                named = "tag" if each.value is None else "value"
                yield (named, each.key, value), each.limit


class QueuedRun(Protocol):
    """A run in the queue."""

    @property
    def run_id(self) -> str: ...
    @property
    def location_name(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


Q = TypeVar("Q", bound=QueuedRun)


class RunQueue(Generic[Q]):
    """Holds the runs that wait, in order, and counts the active ones against the limits."""

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._waiting: dict[str, Q] = {}
        self._active: dict[str, tuple[_LimitKey, ...]] = {}
        self._active_counts: Counter[_LimitKey] = Counter()

    def __iter__(self) -> Iterator[Q]:
        """Iterates over the runs that wait, in order."""
        return iter(tuple(self._waiting.values()))

    def add(self, waiting: Q) -> None:
        """Appends a run."""
        self._waiting[waiting.run_id] = waiting

    def remove(self, run_id: str) -> Q | None:
        """Removes and returns a run that waits; returns None where it does not wait."""
        return self._waiting.pop(run_id, None)

    def start_due(self, is_ready: Callable[[Q], bool]) -> list[Q]:
        """Removes the runs that may start now from the queue, in order, and counts them as active.

        Runs behind one whose limit is reached, or that is not ready, may start before it.
        """
        started = []
        full: set[_LimitKey] = set()
        for waiting in self:
            if self._active_counts["all",] >= self._limits.all:
                break
            limits = tuple(self._limits.limits_of(waiting.location_name, waiting.tags))
            full.update(key for key, limit in limits if self._active_counts[key] >= limit)
            if any(key in full for key, _ in limits):
                continue
            if not is_ready(waiting):
                continue
            del self._waiting[waiting.run_id]
            self._active[waiting.run_id] = tuple(key for key, _ in limits)
            self._active_counts.update(self._active[waiting.run_id])
            started.append(waiting)
        return started

    def ended(self, run_id: str) -> None:
        """Removes a run that has ended from the active ones."""
        self._active_counts.subtract(self._active.pop(run_id))
        self._active_counts += Counter()  # drops the counts that are 0
