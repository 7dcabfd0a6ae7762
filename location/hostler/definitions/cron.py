"""Cron strings: five fields that say at which minutes of the clock something is due."""

from __future__ import annotations

from hostler.definitions._value_object import ValueObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CronError(ValueError):
    """Raised for a cron string that cannot be read; the message says what was expected."""


class CronSchedule(ValueObject):
    """The minutes, hours, days, months and weekdays that a cron string names.

    Where both the day of the month and the day of the week are restricted, a day that fits one of
    them is enough, as in every cron; a field that begins with `*` does not restrict in that sense.

    Attributes:
        minutes, hours, days, months: sorted.
        weekdays: sorted; 0 is Sunday.
        either_day: whether one of `days` and `weekdays` is enough.
        is_fixed_time: whether neither minute nor hour begins with `*`. Such times are due once
            where the clock is put back, and right after the gap where it is put forward across
            them; the others are due whenever the clock shows them.
    """

    __slots__ = ("days", "either_day", "hours", "is_fixed_time", "minutes", "months", "weekdays")

    def __init__(self, fields: list[str]) -> None:
        minute, hour, day, month, weekday = fields
        self.minutes = _field("minute", minute, 0, 59)
        self.hours = _field("hour", hour, 0, 23)
        self.days = _field("day of the month", day, 1, 31)
        self.months = _field("month", month, 1, 12, dict(zip(_MONTHS, range(1, 13))))
        names = dict(zip(_WEEKDAYS, range(7)))
        self.weekdays = tuple(
            sorted({number % 7 for number in _field("day of the week", weekday, 0, 7, names)})
        )
        self.either_day = not (day.startswith("*") or weekday.startswith("*"))
        self.is_fixed_time = not (minute.startswith("*") or hour.startswith("*"))

    def fits_day(self, month: int, day: int, weekday: int) -> bool:
        """Returns whether something is due on a day; `weekday` counts from 0, Sunday."""
        if month not in self.months:
            return False
        if self.either_day:
            return day in self.days or weekday in self.weekdays
        return day in self.days and weekday in self.weekdays


def parse_cron(text: str) -> CronSchedule:
    """Parses a cron string: `MIN HOUR DAY MONTH WEEKDAY`, or a macro as `@daily`.

    A field is `*`, a number, a name (`jan`, `mon`), a range `a-b`, any of these but a lone number
    with a step `/n`, or a list of them with commas. 0 and 7 are both Sunday.

    Raises:
        CronError: it cannot be read, or no day ever fits it.
    """
    text = text.strip()
    if text.startswith("@"):
        if text.lower() not in MACROS:
            raise CronError(f'found "{text}", expected one of {", ".join(MACROS)}')
        text = MACROS[text.lower()]
    fields = text.split()
    if len(fields) != 5:
        raise CronError(
            f"found {len(fields)} fields, expected 5 (minute, hour, day of the month, month, "
            "day of the week)"
        )
    schedule = CronSchedule(fields)
    longest = max(_LONGEST_MONTHS[month - 1] for month in schedule.months)
    if not schedule.either_day and schedule.days[0] > longest:
        raise CronError(f"no month of it has a day {schedule.days[0]}, so it is never due")
    return schedule


def _field(
    what: str, text: str, low: int, high: int, names: Mapping[str, int] | None = None
) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, min(high, 6) if names and low == 0 else high
        else:
            start = _number(what, first, low, high, names)
            end = _number(what, last, low, high, names) if dash else start
        if start > end:
            raise CronError(f'its {what} has "{span}", which ends before it begins')
        if slash and not dash and span != "*":
            advice = f'write "{first}-{high}/{step_text}"'
            raise CronError(f'its {what} has a step after a number, "{part}"; {advice}')
        step = _number(f"step of the {what}", step_text, 1, high, None) if slash else 1
        found.update(range(start, end + 1, step))
    return tuple(sorted(found))


def _number(what: str, text: str, low: int, high: int, names: Mapping[str, int] | None) -> int:
    if names and text.lower() in names:
        return names[text.lower()]
    if text.isascii() and text.isdigit() and low <= int(text[:4]) <= high:
        return int(text[:4])
    listed = f" or {', '.join(names)}" if names else ""
    raise CronError(f'its {what} has "{text}", expected {low} to {high}{listed}')
