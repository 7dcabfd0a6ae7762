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

    from hostler.definitions.source import SourcePosition

    Date = Union[date, str]
    #: Gives the partitions that have passed by a moment; by now if it is left out.
    DatePartitions = Callable[[Optional[datetime]], List[Partition]]
    #: What the clock shows so many steps after the first.
    _Step = Callable[[datetime, int], datetime]

_DAY = "%Y-%m-%d"

#: So many partitions are named when they are defined, to find names that collide while somebody
#: looks: they show two years of months, a month of days, a day of hours.
_TRIED = 32


def hourly_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a partition for each hour; the arguments are those of `daily_partitions`.

    Of the two hours of one name where the clock is put back, the second has its offset in the name.
    """
    return _partitions(start, end, timezone, _given(name_format, f"{_DAY}-%H:%M"), _hours)


def daily_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a `partition_fn` that gives a partition for each day since `start` that has passed.

    The value of a partition is the moment at which it begins, an aware datetime.

    Args:
        start: when the first begins: a date, a datetime, or a string in the ISO form.
        end: the last ends at it or before: what is not over by then is no partition. Without end if
            left out.
        timezone: whose days: "UTC", an offset as "+02:00", or a place as "Europe/Berlin".
        name_format: for `strftime`; "%Y-%m-%d" if left out. It has to name each differently.

    Raises:
        DefinitionError: an argument is invalid, the end is before the start, or two partitions
            would have one name. Names that only meet after many partitions, as those of "%d %b"
            do a year on, are found when the partitions are looked at.
    """
    return _partitions(start, end, timezone, _given(name_format, _DAY), _days)


def weekly_partitions(
    start: Date, end: Date | None = None, *, timezone: str = UTC, name_format: str | None = None
) -> Callable[..., list[Partition]]:
    """Makes a partition for each seven days; the arguments are those of `daily_partitions`."""
    return _partitions(start, end, timezone, _given(name_format, _DAY), _weeks)


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
    return _partitions(start, end, timezone, _given(name_format, "%Y-%m"), _months)


def _partitions(
    start: Date, end: Date | None, zone_name: str, name_format: str, step: _Step
) -> Callable[..., list[Partition]]:
    """Makes the partition function. It takes a moment in place of now, how many partitions to give
    at most, and a moment before which it need not look, to find the last one at once."""
    source = calling_position()
    first = _wall_time(start)
    last = None if end is None else _wall_time(end)
    if last is not None and last < first:
        raise DefinitionError(
            f"cannot make partitions from {preview(start)} to {preview(end)}: the end is before "
            "the start; swap the two, or leave out the end",
            source,
        )
    try:
        zone = zone_of(zone_name)
    except UnknownZoneError as error:
        raise DefinitionError(f"cannot make partitions by time: {error}", source) from None

    def partitions(
        now: datetime | None = None, most: int | None = None, since: datetime | None = None
    ) -> list[Partition]:
        until = (datetime.now(timezone.utc) if now is None else now).astimezone(timezone.utc)
        if last is not None:
            until = min(until, resolve_wall_time(last, zone).astimezone(timezone.utc))
        moments = _until_the_last_year(first, zone, step, since)
        found: dict[str, Partition] = {}
        wall, begin = next(moments)
        for following, after in moments:
            # Moments of one zone are compared by what its clock shows, unless both are in UTC.
            end_of_it = after.astimezone(timezone.utc)
            if end_of_it > until or len(found) == most:
                break
            if begin.astimezone(timezone.utc) < end_of_it:
                name = _name(wall, begin, name_format)
                if name in found:
                    raise _collision(name_format, name, found[name].value, begin, source)
                found[name] = Partition(begin, name)
            # else a day that the zone has left out: it would begin as the next one does
            wall, begin = following, after
        return list(found.values())

    partitions(datetime.max.replace(tzinfo=timezone.utc), _TRIED)
    return partitions


def _given(name_format: object, otherwise: str) -> str:
    if name_format is None:
        return otherwise
    if isinstance(name_format, str) and name_format:
        return name_format
    raise DefinitionError(
        f"cannot name partitions by {preview(name_format)}: found {type_phrase(name_format)}, "
        f'expected a format of strftime as "{otherwise}"',
        calling_position(),
    )


def _name(wall: datetime, begin: datetime, name_format: str) -> str:
    """Returns the name of a partition: what the clock shows, with the zone for %z and %Z."""
    name = wall.replace(tzinfo=begin.tzinfo, fold=begin.fold).strftime(name_format)
    # Of two hours of one name, the second has its offset in it.
    repeats = bool(wall.fold) and "%z" not in name_format and "%Z" not in name_format
    return name + (begin.strftime("%z") if repeats else "")


def _collision(
    name_format: str, name: str, one: datetime, other: datetime, source: SourcePosition | None
) -> DefinitionError:
    return DefinitionError(
        f"cannot name partitions by {preview(name_format)}: those that begin at "
        f"{one.isoformat(' ')} and at {other.isoformat(' ')} would both be {preview(name)}; give "
        "a name_format that tells them apart",
        source,
    )


def _until_the_last_year(
    first: datetime, zone: tzinfo, step: _Step, since: datetime | None
) -> Iterator[tuple[datetime, datetime]]:
    """Yields what the clock shows at each step, or would show, and the moment.

    It ends with the range of datetimes. With `since`, it begins with a step that is before it.
    """
    begin = resolve_wall_time(first, zone)
    number = 0
    if since is not None:
        # The longest month makes too few steps of a time, never too many.
        number = max(0, (since - begin) // _LENGTHS[step] - 1)
    start = begin.astimezone(timezone.utc)
    try:
        while True:
            if step is _hours:  # hours pass, whatever the clock shows
                moment = (start + number * _LENGTHS[step]).astimezone(zone)
                yield moment.replace(tzinfo=None), moment
            else:
                wall = step(first, number)
                yield wall, resolve_wall_time(wall, zone)
            number += 1
    except (OverflowError, ValueError):  # the year 10,000
        return


def _hours(first: datetime, number: int) -> datetime:
    return first + timedelta(hours=number)


def _days(first: datetime, number: int) -> datetime:
    return first + timedelta(days=number)


def _weeks(first: datetime, number: int) -> datetime:
    return first + timedelta(weeks=number)


def _months(first: datetime, number: int) -> datetime:
    years, month = divmod(first.month - 1 + number, 12)
    return first.replace(year=first.year + years, month=month + 1)


#: The longest time of one step.
_LENGTHS: dict[_Step, timedelta] = {
    _hours: timedelta(hours=1),
    _days: timedelta(days=1),
    _weeks: timedelta(weeks=1),
    _months: timedelta(days=31),
}


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
