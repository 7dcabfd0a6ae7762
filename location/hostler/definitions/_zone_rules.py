"""The rule at the end of a time zone file (POSIX TZ): the changes of the clock of every year."""

from __future__ import annotations

from calendar import isleap, monthrange
from datetime import date, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    #: The offset from UTC in seconds, whether it is summer time, the abbreviation.
    LocalTimeType = Tuple[int, bool, str]

_EPOCH = date(1970, 1, 1)
_TWO_O_CLOCK = 2 * 3600


class TransitionRule:
    """A rule as "CET-1CEST,M3.5.0,M10.5.0/3": standard time, summer time, and when each begins.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, text: str) -> None:
        zone, *dates = text.split(",")
        name, rest = _abbreviation(zone)
        offset, rest = _offset(rest)
        self._standard: LocalTimeType = (-offset, False, name)
        self._summer: LocalTimeType | None = None
        self._dates: list[tuple[str, int]] = []
        if rest:
            name, rest = _abbreviation(rest)
            summer = -_offset(rest)[0] if rest else 3600 - offset
            self._summer = (summer, True, name)
            for each in dates:
                day, slash, time = each.partition("/")
                self._dates.append((day, _offset(time)[0] if slash else _TWO_O_CLOCK))
            if len(self._dates) != 2:
                raise ValueError(f"the rule {text!r} of a time zone has no two dates")

    def of_utc(self, seconds: int) -> LocalTimeType:
        """Returns the local time type at a moment, in seconds since the epoch."""
        if self._summer is None:
            return self._standard
        year = (_EPOCH + timedelta(seconds=seconds + self._standard[0])).year
        (day, time), (last_day, last_time) = self._dates
        begin = _day(day, year) * 86400 + time - self._standard[0]
        end = _day(last_day, year) * 86400 + last_time - self._summer[0]
        # In the south, summer goes over the turn of the year.
        is_summer = begin <= seconds < end if begin < end else not end <= seconds < begin
        return self._summer if is_summer else self._standard


def _abbreviation(text: str) -> tuple[str, str]:
    """Returns the name at the front of the text, and the rest."""
    if text.startswith("<"):
        name, _, rest = text[1:].partition(">")
        return name, rest
    length = 0
    while length < len(text) and text[length].isalpha():
        length += 1
    return text[:length], text[length:]


def _offset(text: str) -> tuple[int, str]:
    """Returns the offset at the front of the text, as "-1" or "3:30", in seconds, and the rest."""
    length = 0
    while length < len(text) and text[length] in "+-:0123456789":
        length += 1
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text[:length].lstrip("+-").split(":")]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1)))
    return sign * seconds, text[length:]


def _day(rule: str, year: int) -> int:
    """Returns the day of a rule in a year, in days since the epoch."""
    if rule.startswith("M"):
        month, week, weekday = map(int, rule[1:].split("."))
        first, length = monthrange(year, month)
        day = 1 + (weekday - 1 - first) % 7 + (week - 1) * 7
        while day > length:  # week 5 is the last one
            day -= 7
        return (date(year, month, day) - _EPOCH).days
    new_year = (date(year, 1, 1) - _EPOCH).days
    if rule.startswith("J"):  # February 29 is never counted
        number = int(rule[1:])
        return new_year + number - 1 + (isleap(year) and number > 59)
    return new_year + int(rule)
