"""How many runs may go on at once, and which of those that wait is next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostler.daemon.base.tag_limits import TagLimit

#: What counts towards one limit: ("all",), ("location", name), ("tag", key, value).
_Share = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Runs at once.

    Attributes:
        location: of one location; 0 for no limit of its own.
    """

    all: int
    location: int = 0
    tags: tuple[TagLimit, ...] = ()

    def shares(self, location: str, tags: Mapping[str, str]) -> Iterator[tuple[_Share, int]]:
        """The limits that a run comes under."""
        yield ("all",), self.all
        if self.location:
            yield ("location", location), self.location
        for each in self.tags:
            value = tags.get(each.key)
            if value is not None and each.value in (None, value):
                named = "tag" if each.value is None else "value"
                yield (named, each.key, value), each.limit


class Waiting(Protocol):
    """A run that waits."""

    @property
    def run_id(self) -> str: ...
    @property
    def location_name(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


W = TypeVar("W", bound=Waiting)


class Queue(Generic[W]):
    """Runs that wait, in order, and those that go on, as far as the limits are concerned."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[str, W] = {}
        self._active: dict[str, tuple[_Share, ...]] = {}
        self._counts: Counter[_Share] = Counter()

    def __iter__(self) -> Iterator[W]:
        """Those that wait, in order."""
        return iter(tuple(self._waiting.values()))

    def add(self, waiting: W) -> None:
        """Puts a run at the end."""
        self._waiting[waiting.run_id] = waiting

    def remove(self, run_id: str) -> W | None:
        """Takes a run out that waits; None where it does not."""
        return self._waiting.pop(run_id, None)

    def start(self, is_ready: Callable[[W], bool]) -> list[W]:
        """Takes out those that may start now, in order, and counts them as going on.

        A run whose limit is reached, or that is not ready, lets those behind it pass.
        """
        started = []
        full: set[_Share] = set()
        for waiting in self:
            if self._counts["all",] >= self._limits.all:
                break
            shares = tuple(self._limits.shares(waiting.location_name, waiting.tags))
            full.update(share for share, limit in shares if self._counts[share] >= limit)
            if any(share in full for share, _ in shares):
                continue
            if not is_ready(waiting):
                continue
            del self._waiting[waiting.run_id]
            self._active[waiting.run_id] = tuple(share for share, _ in shares)
            self._counts.update(self._active[waiting.run_id])
            started.append(waiting)
        return started

    def ended(self, run_id: str) -> None:
        """A run that was started has ended."""
        self._counts.subtract(self._active.pop(run_id))
        self._counts += Counter()  # forgets what has come to nothing
