"""Date partitions: one for each hour, day, week or month that has passed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

from hostler.definitions._names import type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._ticks import resolve_wall_time
from hostler.definitions._zones import UTC, UnknownZoneError, zone_of
from hostler.definitions.errors import DefinitionError
from hostler.definitions.partitions import Partition
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Callable, Iterator, List, Optional, Union

    Date = Union[date, str]
    #: Gives the partitions that have passed by a moment; by now if it is left out.
    DatePartitions = Callable[[Optional[datetime]], List[Partition]]
    _Step = Callable[[datetime, int], datetime]

_DAY = "%Y-%m-%d"


def hourly_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a partition for each hour; the arguments are those of `daily_partitions`.

    Of the two hours of one name where the clock is put back, the second has its offset in the name.
    """
    return _partitions(start, end, timezone, name_format or f"{_DAY}-%H:%M", None)


def daily_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a `partition_fn` that gives a partition for each day since `start` that has passed.

    The value of a partition is the moment at which it begins, an aware datetime.

    Args:
        start: when the first begins: a date, a datetime, or a string in the ISO form.
        end: nothing begins at or after it; without end if left out.
        timezone: whose days: "UTC", an offset as "+02:00", or a place as "Europe/Berlin".
        name_format: for `strftime`; "%Y-%m-%d" if left out.

    Raises:
        DefinitionError: an argument is invalid.
    """
    return _partitions(start, end, timezone, name_format or _DAY, _days)


def weekly_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a partition for each seven days; the arguments are those of `daily_partitions`."""
    return _partitions(start, end, timezone, name_format or _DAY, _weeks)


def monthly_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a partition for each month; the arguments are those of `daily_partitions`.

    Raises:
        DefinitionError: also for a start after the 28th, a day that not every month has.
    """
    source = calling_position()
    if _wall_time(start).day > 28:
        raise DefinitionError(
            f"cannot make monthly partitions from {preview(start)}: not every month has such a "
            "day; start on the 28th at the latest",
            source,
        )
    return _partitions(start, end, timezone, name_format or "%Y-%m", _months)


def _partitions(
    start: Date, end: Date | None, zone_name: str, name_format: str, step: _Step | None
) -> Callable[..., list[Partition]]:
    """Makes the partition function. It steps by the clock, or, without `step`, by elapsed hours."""
    first = _wall_time(start)
    last = None if end is None else _wall_time(end)
    try:
        zone = zone_of(zone_name)
    except UnknownZoneError as error:
        raise DefinitionError(
            f"cannot make partitions by time: {error}", calling_position()
        ) from None

    def partitions(now: datetime | None = None) -> list[Partition]:
        moments = _hours(first, zone) if step is None else _steps(first, zone, step)
        until = datetime.now(timezone.utc) if now is None else now
        limit = until if last is None else resolve_wall_time(last, zone)
        found = []
        name, begin = next(moments)
        for following, after in moments:
            if after > until or begin >= limit:
                break
            if begin.astimezone(timezone.utc) < after.astimezone(timezone.utc):
                text = name.strftime(name_format) + (begin.strftime("%z") if name.fold else "")
                found.append(Partition(begin, text))
            # else a day that the zone has left out: it would begin as the next one does
            name, begin = following, after
        return found

    return partitions


def _hours(first: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Yields what the clock shows after each hour that passes, and the moment."""
    moment = resolve_wall_time(first, zone).astimezone(timezone.utc)
    while True:
        local = moment.astimezone(zone)
        yield local.replace(tzinfo=None), local
        moment += timedelta(hours=1)


def _steps(first: datetime, zone: tzinfo, step: _Step) -> Iterator[tuple[datetime, datetime]]:
    """Yields what the clock shows at each step, or would show, and the moment."""
    number = 0
    while True:
        wall = step(first, number)
        yield wall, resolve_wall_time(wall, zone)
        number += 1


def _days(first: datetime, number: int) -> datetime:
    return first + timedelta(days=number)


def _weeks(first: datetime, number: int) -> datetime:
    return first + timedelta(weeks=number)


def _months(first: datetime, number: int) -> datetime:
    years, month = divmod(first.month - 1 + number, 12)
    return first.replace(year=first.year + years, month=month + 1)


def _wall_time(value: object) -> datetime:
    """Converts a date, a datetime, or the text of either to a naive datetime."""
    problem = f"found {type_phrase(value)}"
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            problem = str(error)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value
        problem = 'it has a time zone, which is given as timezone="..."'
    elif isinstance(value, date):
        return datetime.combine(value, time.min)
    raise DefinitionError(
        f"cannot make partitions from {preview(value)}: {problem}, expected a date, a datetime or "
        'a string as "2026-01-31"',
        calling_position(),
    )
