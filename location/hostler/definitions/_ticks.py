"""Ticks: the moments at which a cron schedule is due in a time zone whose clock may change."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Iterator

    from hostler.definitions.cron import CronSchedule

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

#: Before the moment asked for: a time that the clock has shown by then is not due again. No clock
#: has been put back or forward by more than a day.
_LOOK_BACK = 2 * _DAY


def ticks(schedule: CronSchedule, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Yields the moments after `after`, in their order, each in `zone`; without end.

    The clock of the zone decides; see `CronSchedule.is_fixed_time` for what happens where it is put
    forward or back.

    Args:
        schedule: when.
        zone: whose clock.
        after: an aware datetime.
    """
    start = after.astimezone(timezone.utc).replace(second=0, microsecond=0, tzinfo=None)
    shown: datetime | None = None
    last: datetime | None = None
    for begin, end, offset in _constant_offsets(zone, start - _LOOK_BACK):
        earliest = begin + offset
        if schedule.is_fixed_time and shown is not None:
            earliest = shown
        if begin <= start:
            earliest = max(earliest, start + offset)  # what is before it is not asked for
        found = _matches(schedule, earliest, end + offset) if end > start else ()
        for wall in found:
            moment = max(wall - offset, begin)  # at once after a gap
            if moment > start and moment != last:
                last = moment
                yield moment.replace(tzinfo=timezone.utc).astimezone(zone)
        shown = max(end + offset, shown or end + offset)


def resolve_wall_time(wall: datetime, zone: tzinfo) -> datetime:
    """Returns the first moment, in `zone`, at which its clock shows a time or has jumped over it.

    Args:
        wall: what the clock shows, a naive datetime.
        zone: whose clock.
    """
    moment = wall.replace(tzinfo=zone).astimezone(timezone.utc)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != wall:  # the clock never shows it
        before = wall.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
        change = _change(zone, before.replace(tzinfo=None), moment.replace(tzinfo=None))
        moment = change.replace(tzinfo=timezone.utc)
    return moment.astimezone(zone)


def _constant_offsets(
    zone: tzinfo, start: datetime
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yields periods of one offset, from `start` on: begin and end in UTC, and the offset."""
    begin, before = start, _offset(zone, start)
    while True:
        end = begin + _DAY
        after = _offset(zone, end)
        if after == before:
            yield begin, end, before
        else:
            change = _change(zone, begin, end)
            yield begin, change, before
            yield change, end, after
        begin, before = end, after


def _change(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """Returns the first minute with the offset of `high`, where `low` has another."""
    offset = _offset(zone, high)
    while high - low > _MINUTE:
        middle = low + (high - low) // (2 * _MINUTE) * _MINUTE
        if _offset(zone, middle) == offset:
            high = middle
        else:
            low = middle
    return high


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    offset = moment.replace(tzinfo=timezone.utc).astimezone(zone).utcoffset()
    assert offset is not None
    # The local mean times of the 19th century have seconds; a cron knows minutes alone.
    return offset // _MINUTE * _MINUTE


def _matches(schedule: CronSchedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yields the times that the schedule matches, from `start` to before `end`."""
    day = start.replace(hour=0, minute=0)
    while day < end:
        if schedule.fits_day(day.month, day.day, day.isoweekday() % 7):
            for hour in schedule.hours:
                if day.replace(hour=hour, minute=59) < start:
                    continue
                for minute in schedule.minutes:
                    wall = day.replace(hour=hour, minute=minute)
                    if wall >= end:
                        return
                    if wall >= start:
                        yield wall
        day += _DAY
