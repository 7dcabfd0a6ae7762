"""When a cron string is due in a time zone, in seconds since the epoch.

The computing is that of hostler.definitions, so that a preview and a launch never differ. It is
imported at the first schedule that runs: a daemon without one does not pay for it.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from hostler.definitions.cron import CronSchedule

#: Cron strings and moments that are kept: many schedules share a cron string.
_CACHE_SIZE = 4096

#: Seconds of the first look back for the latest ticks, and how much farther each next look goes.
_FIRST_WINDOW, _WINDOW_FACTOR = 3600, 16


class TickError(ValueError):
    """No tick can be computed; the message says why."""


def prepare() -> None:
    """Imports what computes ticks, which takes some hundredths of a second, from a thread."""
    from hostler.definitions import _ticks, _zones, cron  # noqa: F401 (imported to be there)


def first_after(cron: str, zone: str, after: int) -> int:
    """Returns the first moment after `after` at which a schedule is due.

    Args:
        cron: five fields or a macro.
        zone: the name of a time zone.

    Raises:
        TickError: the cron string or the zone is unknown to the daemon.
    """
    return _first_after(cron, zone, after)


def next_ticks(cron: str, zone: str, after: int, count: int) -> list[int]:
    """Returns the next moments after `after`, in order.

    Raises:
        TickError: as `first_after`.
    """
    return list(islice(_ticks(cron, zone, after), count))


def ticks_between(cron: str, zone: str, after: int, until: int, most: int) -> list[int]:
    """Returns the moments after `after` up to `until`, in order; the first `most` ones.

    Raises:
        TickError: as `first_after`.
    """
    found = []
    for tick in islice(_ticks(cron, zone, after), most):
        if tick > until:
            break
        found.append(tick)
    return found


def last_ticks(cron: str, zone: str, after: int, until: int, count: int) -> list[int]:
    """Returns the last moments after `after` up to `until`, in order; at most `count`.

    Raises:
        TickError: as `first_after`.
    """
    window = _FIRST_WINDOW
    while True:
        start = max(after, until - window)
        found: deque[int] = deque(maxlen=count)
        for tick in _ticks(cron, zone, start):
            if tick > until:
                break
            found.append(tick)
        if len(found) == count or start == after:
            return list(found)
        window *= _WINDOW_FACTOR


@lru_cache(_CACHE_SIZE)
def _first_after(cron: str, zone: str, after: int) -> int:
    return next(_ticks(cron, zone, after))


def _ticks(cron: str, zone: str, after: int) -> Iterator[int]:
    from hostler.definitions._ticks import ticks

    schedule, place = _parsed(cron, zone)
    # the moments are whole minutes: what is due at a second that has begun is not due after it
    moment = datetime.fromtimestamp(after, UTC)
    try:
        for tick in ticks(schedule, place, moment):
            yield int(tick.timestamp())
    except OverflowError as error:
        raise TickError(f'the cron string "{cron}" is not due before the year 10000') from error


@lru_cache(_CACHE_SIZE)
def _parsed(cron: str, zone: str) -> tuple[CronSchedule, tzinfo]:
    from hostler.definitions._zones import UnknownZoneError, zone_of
    from hostler.definitions.cron import CronError, parse_cron

    try:
        return parse_cron(cron), zone_of(zone)
    except (CronError, UnknownZoneError) as error:
        raise TickError(str(error)) from error
