"""A schedule that is on record."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from hostler.daemon.runs.store.schedule_record import ScheduleKey, ScheduleRecord, Tick


@dataclass(slots=True)
class Schedule:
    """A schedule that is on record.

    Attributes:
        record: as it was handed over to be written last.
        last_tick: the latest tick on record; None before the first one.
        is_confirmed: whether its code was seen since the daemon's start, or is known not to load;
            until then nobody knows whether the cron string on record still holds.
        pending: its ticks that are to be settled, in order.
        task: what settles them.
        next_tick: when it is due next; None where it does not run.
        problem: why no tick can be computed; "" where they can.
    """

    record: ScheduleRecord
    last_tick: Tick | None = None
    is_confirmed: bool = False
    pending: deque[Tick] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    next_tick: int | None = None
    problem: str = ""

    @property
    def key(self) -> ScheduleKey:
        return self.record.key

    def cancel(self) -> None:
        """Has its ticks settled no longer."""
        if self.task is not None:
            self.task.cancel()
            self.task = None


class ScheduleCollection:
    """Holds the schedules by key and by location."""

    def __init__(self) -> None:
        self._schedules: dict[ScheduleKey, Schedule] = {}
        self._by_location: dict[str, set[ScheduleKey]] = {}

    @property
    def locations(self) -> Collection[str]:
        """Returns the names of the locations that have one on record."""
        return self._by_location.keys()

    def all(self) -> Collection[Schedule]:
        return self._schedules.values()

    def get(self, key: ScheduleKey) -> Schedule | None:
        return self._schedules.get(key)

    def at(self, key: ScheduleKey) -> Schedule:
        """Returns the schedule of a key that there is."""
        return self._schedules[key]

    def of_location(self, name: str) -> Collection[ScheduleKey]:
        """Returns the keys of a location's schedules."""
        return tuple(self._by_location.get(name, ()))

    def put(self, record: ScheduleRecord) -> Schedule:
        """Takes a record in the place of the one before; returns its schedule."""
        schedule = self._schedules.get(record.key)
        if schedule is None:
            schedule = self._schedules[record.key] = Schedule(record)
            self._by_location.setdefault(record.key.location, set()).add(record.key)
        schedule.record = record
        if not record.is_running:
            schedule.pending.clear()  # they are SKIPPED in the record as well
            schedule.cancel()
        return schedule

    def drop(self, key: ScheduleKey) -> None:
        """Takes a schedule out."""
        self._schedules.pop(key).cancel()
        keys = self._by_location[key.location]
        keys.discard(key)
        if not keys:
            del self._by_location[key.location]
