"""How many runs may be active at once, and which of those that wait is next."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostler.daemon.base.tag_limits import TagLimit

#: The tag of a run that a schedule has launched: the name of the schedule.
SCHEDULE_TAG = "hostler/schedule"

#: What a limit counts: ("all",), ("schedule", location, name), ("location", name),
#: ("tag", key, value), ("value", key, value).
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
        if SCHEDULE_TAG in tags:  # its runs do not overlap
            yield ("schedule", location, tags[SCHEDULE_TAG]), 1
        if self.location:
            yield ("location", location), self.location
        for each in self.tags:
            value = tags.get(each.key)
            if value is not None and each.value in (None, value):
                named = "tag" if each.value is None else "value"
                yield (named, each.key, value), each.limit


class QueuedRun(Protocol):
    """A run in the queue.

    Attributes:
        ready_key: runs of the same key become ready together; "" for one that always is.
    """

    @property
    def run_id(self) -> str: ...
    @property
    def location_name(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def ready_key(self) -> str: ...


Q = TypeVar("Q", bound=QueuedRun)


class _Group(Generic[Q]):
    """The runs that come under the same limits and become ready together, in order."""

    __slots__ = ("limits", "ready_key", "runs")

    def __init__(self, limits: tuple[tuple[_LimitKey, int], ...], ready_key: str) -> None:
        self.limits = limits
        self.ready_key = ready_key
        self.runs: OrderedDict[int, Q] = OrderedDict()

    @property
    def first(self) -> int:
        """Returns the position of its first run."""
        return next(iter(self.runs))

    def __lt__(self, other: _Group[Q]) -> bool:
        return False  # in a heap of pairs the position decides; groups without runs may share one


#: Where groups are held up: () for nowhere, a limit, or ("ready", the `ready_key` of the group).
_Place = tuple[str, ...]


class RunQueue(Generic[Q]):
    """Holds the runs that wait, in order, and counts the active ones against the limits.

    Each group of runs lies where it is held up: at a limit, or at what it waits for. So only what
    could start is looked at, however many runs wait.
    """

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._groups: dict[tuple[object, ...], _Group[Q]] = {}
        self._positions: dict[str, tuple[int, _Group[Q]]] = {}
        self._next_position = itertools.count()
        self._active: dict[str, tuple[_LimitKey, ...]] = {}
        self._active_counts: Counter[_LimitKey] = Counter()
        #: Each group once, with a position that is no higher than that of its first run.
        self._heaps: dict[_Place, list[tuple[int, _Group[Q]]]] = {}
        self._known_limits: dict[_Place, int] = {}

    def __iter__(self) -> Iterator[Q]:
        """Iterates over the runs that wait, in order."""
        places = sorted(self._positions.values(), key=lambda place: place[0])
        return iter([group.runs[position] for position, group in places])

    def add(self, waiting: Q) -> None:
        """Appends a run."""
        limits = tuple(self._limits.limits_of(waiting.location_name, waiting.tags))
        position = next(self._next_position)
        group = self._groups.get((limits, waiting.ready_key))
        if group is None:
            group = self._groups[limits, waiting.ready_key] = _Group(limits, waiting.ready_key)
            self._hold((), position, group)
        group.runs[position] = waiting
        self._positions[waiting.run_id] = position, group

    def remove(self, run_id: str) -> Q | None:
        """Removes and returns a run that waits; returns None where it does not wait."""
        place = self._positions.pop(run_id, None)
        if place is None:
            return None
        position, group = place
        return group.runs.pop(position)

    def start_due(self, is_ready: Callable[[Q], bool]) -> list[Q]:
        """Removes the runs that may start now from the queue, in order, and counts them as active.

        Runs behind one whose limit is reached, or that is not ready, may start before it. Where a
        run that still waits was not ready, the others of its `ready_key` are not asked for.
        """
        started: list[Q] = []
        unready: set[str] = set()
        while self._active_counts["all",] < self._limits.all:
            heap = self._first_heap(unready)
            if heap is None:
                break
            group = self._pop(heap)
            if group is None:
                continue
            counts = self._active_counts
            full = next(((key, limit) for key, limit in group.limits if counts[key] >= limit), None)
            if full is not None:
                self._known_limits[full[0]] = full[1]
                self._hold(full[0], group.first, group)
                continue
            run = group.runs[group.first]
            if group.ready_key in unready or not is_ready(run):
                is_waiting = run.run_id in self._positions
                if is_waiting:
                    unready.add(group.ready_key)
                place = ("ready", group.ready_key) if is_waiting else ()
                self._hold(place, group.first if group.runs else 0, group)
                continue
            self.remove(run.run_id)
            self._active[run.run_id] = tuple(key for key, _ in group.limits)
            self._active_counts.update(self._active[run.run_id])
            started.append(run)
            self._hold((), group.first if group.runs else 0, group)
        return started

    def ended(self, run_id: str) -> None:
        """Removes a run that has ended from the active ones."""
        self._active_counts.subtract(self._active.pop(run_id))
        self._active_counts += Counter()  # drops the counts that are 0

    def _hold(self, place: _Place, position: int, group: _Group[Q]) -> None:
        heapq.heappush(self._heaps.setdefault(place, []), (position, group))

    def _first_heap(self, unready: set[str]) -> list[tuple[int, _Group[Q]]] | None:
        """Returns the heap with the first group that nothing is known to hold up."""
        first = None
        for place, heap in list(self._heaps.items()):
            if not heap:
                del self._heaps[place]
                self._known_limits.pop(place, None)
            elif place[:1] == ("ready",):
                if place[1] in unready:
                    continue
            elif place and self._active_counts[place] >= self._known_limits[place]:
                continue
            if heap and (first is None or heap[0] < first[0]):
                first = heap
        return first

    def _pop(self, heap: list[tuple[int, _Group[Q]]]) -> _Group[Q] | None:
        """Removes the first group of a heap; returns None where it only had an old position."""
        position, group = heapq.heappop(heap)
        if not group.runs:
            del self._groups[group.limits, group.ready_key]
            return None
        if group.first != position:
            heapq.heappush(heap, (group.first, group))
            return None
        return group
