"""Cron strings, and when they are due: against a look at every minute, in zones that change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.definitions._ticks import resolve_wall_time, ticks
from hostler.definitions._zones import zone_of
from hostler.definitions.cron import MACROS, CronError, CronSchedule, parse_cron

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = timedelta(minutes=1)

#: Zones with a change of half an hour, one at midnight, one of a whole day, and with none.
ZONES = [
    "UTC",
    "-03:30",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Beirut",
]

#: Beginnings of stretches in which some of the zones change their clocks.
MOMENTS = [
    datetime(2011, 12, 28, tzinfo=UTC),
    datetime(2024, 3, 9, tzinfo=UTC),
    datetime(2024, 3, 30, tzinfo=UTC),
    datetime(2024, 4, 6, tzinfo=UTC),
    datetime(2024, 10, 5, tzinfo=UTC),
    datetime(2024, 10, 26, tzinfo=UTC),
    datetime(2024, 11, 2, tzinfo=UTC),
    datetime(2023, 3, 18, tzinfo=UTC),
]


def fits(schedule: CronSchedule, wall: datetime) -> bool:
    day = schedule.fits_day(wall.month, wall.day, wall.isoweekday() % 7)
    return day and wall.hour in schedule.hours and wall.minute in schedule.minutes


def wall_of(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def by_every_minute(
    schedule: CronSchedule, zone: tzinfo, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Yields due times from a look at the clock every minute and at the times that it skips."""
    moment = after - timedelta(days=3)
    shown = wall_of(moment, zone)
    while moment + MINUTE < until:
        moment += MINUTE
        wall = wall_of(moment, zone)
        if schedule.is_fixed_time:
            due = False
            while shown < wall:
                shown += MINUTE
                due = due or fits(schedule, shown)
        else:
            due = fits(schedule, wall)
        if due and moment > after:
            yield moment


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, high).map(str)
    stepped = st.tuples(st.one_of(st.just("*"), span), step).map("/".join)
    part = st.one_of(number.map(str), number.map(str), span, stepped)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


CRONS = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)
DAILY = st.tuples(field(0, 59), field(0, 23)).map(lambda pair: " ".join((*pair, "* * *")))


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(DAILY, CRONS),
    st.sampled_from(ZONES),
    st.sampled_from(MOMENTS),
    st.integers(0, 3 * 86400),
)
def test_ticks_are_those_that_a_look_at_every_minute_finds(
    text: str, zone_name: str, start: datetime, seconds: int
) -> None:
    try:
        schedule = parse_cron(text)
    except CronError:
        assert "never due" in _error(text)
        return
    zone = zone_of(zone_name)
    after = start + timedelta(seconds=seconds)
    until = start + timedelta(days=5)
    minute = after.replace(second=0)
    expected = list(islice(by_every_minute(schedule, zone, minute, until), 500))
    found = list(islice(ticks(schedule, zone, after), len(expected) + 1))
    assert [moment.astimezone(UTC) for moment in found[: len(expected)]] == expected
    assert found[-1] >= until or len(expected) == 500
    assert all(moment.utcoffset() == moment.astimezone(zone).utcoffset() for moment in found)


def _error(text: str) -> str:
    with pytest.raises(CronError) as raised:
        parse_cron(text)
    return str(raised.value)


def shown(text: str, zone: str, after: str, count: int = 3) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = islice(ticks(parse_cron(text), zone_of(zone), start), count)
    return [moment.strftime("%m-%d %H:%M%z") for moment in found]


def test_a_time_that_is_skipped_is_due_once_right_after_the_gap() -> None:
    found = shown("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 3)
    assert found == ["03-29 03:00+0200", "03-30 02:00+0200", "03-30 02:30+0200"]


def test_a_time_that_comes_twice_is_due_once() -> None:
    found = shown("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2)
    assert found == ["10-25 02:30+0200", "10-26 02:30+0100"]
    # Also from a start between the two.
    found = shown("30 2 * * *", "Europe/Berlin", "2026-10-25T00:40", 1)
    assert found == ["10-26 02:30+0100"]


def test_what_is_due_every_hour_is_due_in_both_hours_of_one_name() -> None:
    found = shown("@hourly", "Europe/Berlin", "2026-10-24T23:30", 3)
    assert found == ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"]
    found = shown("@hourly", "Europe/Berlin", "2026-03-28T23:30", 3)
    assert found == ["03-29 01:00+0100", "03-29 03:00+0200", "03-29 04:00+0200"]


def test_a_day_that_a_zone_skips_is_made_up_for_at_the_next_one() -> None:
    found = shown("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00", 3)
    assert found == ["12-29 12:00-1000", "12-31 00:00+1400", "12-31 12:00+1400"]


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("0 0 13 * fri", ["02-06", "02-13", "02-20"]),  # either is enough
        ("0 0 13 * *", ["02-13", "03-13", "04-13"]),
        ("0 0 * * 7", ["02-01", "02-08", "02-15"]),
        ("0 0 * * sun", ["02-01", "02-08", "02-15"]),
        ("0 0 */10 * mon", ["05-11", "06-01", "08-31"]),  # a star restricts nothing: both
        ("0 0 29 2 *", ["02-29", "02-29", "02-29"]),
        ("0 0 1 jan,JUL *", ["07-01", "01-01", "07-01"]),
        ("0 0 * * 5-7", ["02-01", "02-06", "02-07"]),
        (" @monthly ", ["02-01", "03-01", "04-01"]),
    ],
)
def test_days(text: str, dates: list[str]) -> None:
    found = shown(text, "UTC", "2026-01-31T23:59")
    assert [each[:5] for each in found] == dates


def test_a_rare_day_is_found() -> None:
    found = list(islice(ticks(parse_cron("0 0 29 2 */7"), zone_of("UTC"), MOMENTS[1]), 2))
    assert [moment.date().isoformat() for moment in found] == ["2032-02-29", "2060-02-29"]


@pytest.mark.parametrize("macro", MACROS)
def test_macros(macro: str) -> None:
    assert parse_cron(macro.upper()) == parse_cron(MACROS[macro])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found 0 fields, expected 5"),
        ("* * * *", "found 4 fields, expected 5 (minute, hour,"),
        ("* * * * * *", "found 6 fields"),
        ("60 * * * *", 'its minute has "60", expected 0 to 59'),
        ("99999 * * * *", "expected 0 to 59"),
        ("* 24 * * *", 'its hour has "24", expected 0 to 23'),
        ("* * 0 * *", 'its day of the month has "0", expected 1 to 31'),
        ("* * * 13 *", "expected 1 to 12 or jan, feb"),
        ("* * * * 8", "expected 0 to 7 or sun, mon"),
        ("* * * * funday", 'its day of the week has "funday"'),
        ("-1 * * * *", 'its minute has ""'),
        ("5-1 * * * *", 'its minute has "5-1", which ends before it begins'),
        ("5/10 * * * *", 'a step after a number, "5/10"; write "5-59/10"'),
        ("*/0 * * * *", 'its step of the minute has "0", expected 1 to 59'),
        ("*/x * * * *", 'its step of the minute has "x"'),
        ("1,,2 * * * *", 'its minute has ""'),
        ("\u0661 * * * *", "expected 0 to 59"),
        ("L * * * *", 'its minute has "L"'),
        ("0 0 31 2,4 *", "no month of it has a day 31, so it is never due"),
        ("@reboot", 'found "@reboot", expected one of @yearly'),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    assert words in _error(text)


@given(st.text(alphabet="0123456789*/,-@ adefjnorstuy", max_size=20))
def test_any_text_is_read_or_refused_with_a_message(text: str) -> None:
    try:
        schedule = parse_cron(text)
    except CronError:
        assert _error(text)
    else:
        assert next(ticks(schedule, zone_of("UTC"), MOMENTS[0])) > MOMENTS[0]


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2024-03-31T00:00", "Asia/Beirut", "2024-03-30T22:00"),
    ],
)
def test_moment_of_a_time_of_the_clock(wall: str, zone: str, moment: str) -> None:
    found = resolve_wall_time(datetime.fromisoformat(wall), zone_of(zone))
    assert found.astimezone(UTC).isoformat()[:16] == moment
