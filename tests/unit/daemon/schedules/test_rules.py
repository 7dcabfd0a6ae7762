"""What is due, whatever the cron string, the zone, the downtime, the clock and the edits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.line_count import counted_lines

from hostler.daemon.runs.store.schedule_record import ScheduleKey, ScheduleRecord, ScheduleSummary
from hostler.daemon.schedules import rules
from hostler.daemon.schedules.cron_ticks import TickError, first_after, last_ticks, ticks_between
from hostler.definitions.cron import parse_cron
from hostler.v1.definitions_pb2 import TickPolicy

KEY = ScheduleKey("etl", "repo", "s")

#: Zones whose clocks do odd things: half an hour, twice in spring, a day that never was.
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")

#: Around what these clocks do.
ODD_TIMES = (
    datetime(2026, 3, 28, 22, tzinfo=UTC),
    datetime(2026, 10, 24, 22, tzinfo=UTC),
    datetime(2026, 4, 4, 12, tzinfo=UTC),
    datetime(2026, 10, 3, 12, tzinfo=UTC),
    datetime(2026, 2, 14, 23, tzinfo=UTC),
    datetime(2026, 3, 21, 23, tzinfo=UTC),
    datetime(2011, 12, 29, 6, tzinfo=UTC),
)

MINUTE, HOUR = 60, 3600


def field_of(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda both: f"{min(both)}-{max(both)}")
    steps = st.builds("{}/{}".format, st.one_of(st.just("*"), spans), st.integers(1, high))
    one = st.one_of(number.map(str), spans, steps)
    return st.one_of(st.just("*"), st.lists(one, min_size=1, max_size=3).map(",".join))


def _is_due_at_times(text: str) -> bool:
    try:
        parse_cron(text)
    except ValueError:  # the 30th of February
        return False
    return True


crons = (
    st.tuples(
        field_of(0, 59),
        field_of(0, 23),
        st.one_of(st.just("*"), field_of(1, 31)),
        st.one_of(st.just("*"), field_of(1, 12)),
        st.one_of(st.just("*"), field_of(0, 7)),
    )
    .map(" ".join)
    .filter(_is_due_at_times)
)
zones = st.sampled_from(ZONES)
moments = st.builds(
    lambda base, minutes: int((base + timedelta(minutes=minutes)).timestamp()),
    st.sampled_from(ODD_TIMES),
    st.integers(0, 40 * 60),
)


def due_by_hand(cron: str, zone: str, after: int, until: int) -> list[int]:
    """Returns the ticks by looking at each minute alone, and at what the clock has shown before."""
    schedule, place = parse_cron(cron), ZoneInfo(zone)
    found = []
    begin = after // MINUTE * MINUTE - 26 * HOUR
    shown: datetime | None = None  # the latest time that the clock has shown
    for moment in range(begin, until + 1, MINUTE):
        wall = datetime.fromtimestamp(moment, place).replace(tzinfo=None, fold=0)
        if not schedule.is_fixed_time or shown is None or wall == shown + timedelta(minutes=1):
            is_due = _matches(schedule, wall)
        elif wall <= shown:
            is_due = False  # it was shown before
        else:  # the clock was put forward: what it left out is due now, once
            skipped = range(1, int((wall - shown).total_seconds()) // MINUTE + 1)
            is_due = any(_matches(schedule, shown + timedelta(minutes=n)) for n in skipped)
        shown = wall if shown is None else max(shown, wall)
        if is_due and moment > after:
            found.append(moment)
    return found


def _matches(schedule: object, wall: datetime) -> bool:
    from hostler.definitions.cron import CronSchedule

    assert isinstance(schedule, CronSchedule)
    return (
        wall.minute in schedule.minutes
        and wall.hour in schedule.hours
        and schedule.fits_day(wall.month, wall.day, wall.isoweekday() % 7)
    )


@settings(deadline=None)
@given(crons, zones, moments, st.integers(0, 30 * 60))
def test_ticks_are_those_of_each_minute(cron: str, zone: str, after: int, minutes: int) -> None:
    until = after + minutes * MINUTE
    assert ticks_between(cron, zone, after, until, 10_000) == due_by_hand(cron, zone, after, until)


@given(crons, zones, moments, st.integers(0, 30 * 60), st.integers(1, 5))
def test_the_last_ticks_are_the_last_of_all(
    cron: str, zone: str, after: int, minutes: int, count: int
) -> None:
    until = after + minutes * MINUTE
    everything = ticks_between(cron, zone, after, until, 10_000)
    assert last_ticks(cron, zone, after, until, count) == everything[-count:]


def test_a_year_of_downtime_costs_no_more_than_a_day() -> None:
    now = int(ODD_TIMES[0].timestamp())
    with counted_lines() as count:
        found = last_ticks("* * * * *", "Europe/Berlin", now - 366 * 86400, now, 5)
    assert len(found) == 5
    assert count.lines < 5000


@pytest.mark.parametrize(
    ("cron", "zone", "words"),
    [("x", "UTC", "found 1 fields"), ("@daily", "Nowhere", 'no time zone "Nowhere" is known')],
)
def test_what_cannot_be_computed(cron: str, zone: str, words: str) -> None:
    with pytest.raises(TickError, match=words):
        first_after(cron, zone, 0)


@dataclass
class World:
    """A daemon that may be down, a clock that may be set, code that may be edited.

    Attributes:
        now: what the wall clock shows.
        covered: each tick that was evaluated or missed, in order; and whether it was evaluated.
        ticking: for each second that the daemon looked at its clock: what would have been due.
    """

    now: int
    cron: str
    zone: str
    policy: TickPolicy
    record: ScheduleRecord | None = None
    is_up: bool = True
    awake_since: int = 0
    evaluated: list[int] = field(default_factory=list)
    missed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.awake_since = self.now
        self.observe()

    @property
    def summary(self) -> ScheduleSummary:
        return ScheduleSummary(
            cron_schedule=self.cron, execution_timezone=self.zone, tick_policy=self.policy
        )

    def observe(self) -> None:
        self.record = rules.observe(self.record, KEY, self.summary, self.now)

    def look(self) -> None:
        """Takes up what is due, as a daemon that is up does."""
        record = self.record
        if record is None or not self.is_up or not record.is_running or record.missing_since:
            return
        due = rules.take_due(record, self.now, self.awake_since)
        if due is None:
            return
        assert due.cursor > record.cursor
        if due.missed:
            self.missed.append(due.missed)
        for tick in due.evaluated:
            self.evaluated.append(tick)
        self.record = _moved(record, due.cursor)


def _moved(record: ScheduleRecord, cursor: int) -> ScheduleRecord:
    from dataclasses import replace

    return replace(record, cursor=cursor)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(1, 3 * HOUR)),
        st.tuples(st.just("down"), st.integers(1, 5 * HOUR)),
        st.tuples(st.just("set"), st.integers(-HOUR, HOUR)),
        st.tuples(st.just("edit"), crons),
        st.tuples(st.just("move"), zones),
        st.tuples(st.just("choose"), st.booleans()),
        st.tuples(st.just("gone"), st.integers(1, 3 * HOUR)),
    ),
    max_size=8,
)
policies = st.builds(
    TickPolicy,
    is_running_by_default=st.booleans(),
    catch_up=st.sampled_from([TickPolicy.LATEST, TickPolicy.ALL, TickPolicy.NONE]),
    max_catch_up=st.integers(1, 4),
)


@settings(deadline=None, max_examples=60)
@given(crons, zones, policies, moments, steps)
def test_each_tick_is_due_once_in_order_or_not_at_all_by_the_rule(
    cron: str, zone: str, policy: TickPolicy, start: int, given_steps: list[tuple[str, object]]
) -> None:
    world = World(start, cron, zone, policy)
    for kind, what in given_steps:
        _take(world, kind, what)


def _take(world: World, kind: str, what: object) -> None:
    """Takes a step, and asserts what it may have brought."""
    before = len(world.evaluated), len(world.missed)
    record = world.record
    since = record.cursor if record else world.now
    began = world.now
    if kind == "edit":
        world.cron = str(what)
        world.observe()
    elif kind == "move":
        world.zone = str(what)
        world.observe()
    elif kind == "choose":
        is_running = bool(what)
        begins = is_running and not (record and record.is_running)
        world.record = rules.choose(record, KEY, world.summary, world.now, is_running=is_running)
        if begins:
            world.evaluated.clear()  # what is asked for anew is in order from here on
            world.missed.clear()
            before = 0, 0
    else:
        assert isinstance(what, int)
        _let_pass(world, kind, what)
    world.look()
    fresh = world.evaluated[before[0] :]
    missed = world.missed[before[1] :]
    assert world.evaluated == sorted(set(world.evaluated)), "in order, and none twice"
    assert all(since < tick <= max(world.now, began) for tick in fresh), "never reaches back"
    runs = world.record is not None and world.record.is_running
    if kind in ("edit", "move", "choose", "gone") or not runs:
        assert not fresh
        assert not missed
        return
    due = due_by_hand(world.cron, world.zone, since, world.now)
    if kind == "pass":
        assert fresh == due
        assert not missed
        return
    left = [tick for tick in due if tick not in fresh]
    is_downtime = kind == "down" or abs(int(str(what))) > rules.MAX_DRIFT
    if not is_downtime:
        assert fresh == due
    else:
        count = rules.catch_up_count(world.policy)
        assert fresh == (due[-count:] if count else [])
        assert missed == ([(left[0], left[-1])] if left else [])


def _let_pass(world: World, kind: str, seconds: int) -> None:
    if kind == "pass":
        end = world.now + seconds
        while world.now < end:
            world.now = min(end, (world.now // MINUTE + 1) * MINUTE)
            world.awake_since = rules.awake_since(world.awake_since, world.now, 0.0)
            world.look()
    elif kind == "down":
        world.now += seconds
        world.awake_since = world.now
        world.observe()
    elif kind == "gone":
        world.record = rules.observe(world.record, KEY, None, world.now)
        assert not (world.record and rules.is_orphan(world.record, world.now + seconds))
        world.now += seconds
        world.look()
        world.observe()
    else:
        world.now += seconds
        world.awake_since = rules.awake_since(world.awake_since, world.now, seconds)


def test_an_orphan_after_twelve_hours() -> None:
    running = ScheduleSummary(cron_schedule="@daily", execution_timezone="UTC")
    record = rules.choose(None, KEY, running, 1000, is_running=True)
    gone = rules.observe(record, KEY, None, 2000)
    assert gone is not None
    assert rules.observe(gone, KEY, None, 9000) == gone
    assert rules.next_look(gone) == 2000 + 12 * HOUR
    assert not rules.is_orphan(gone, 2000 + 12 * HOUR - 1)
    assert rules.is_orphan(gone, 2000 + 12 * HOUR)


def test_delays_between_tries_grow() -> None:
    policy = TickPolicy(max_retries=9)
    delays = [rules.retry_delay(failures, policy) for failures in range(1, 11)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60, None]
    assert rules.retry_delay(1, TickPolicy()) is None
