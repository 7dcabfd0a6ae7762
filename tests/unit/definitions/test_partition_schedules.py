"""Schedules by partition: which partition each tick is for, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.definitions import (
    DefinitionError,
    PartitionSetDefinition,
    PipelineDefinition,
    SkipReason,
    daily_schedule,
    hourly_schedule,
    monthly_schedule,
    repository,
    weekly_schedule,
)

if TYPE_CHECKING:
    from hostler.definitions import PartitionScheduleDefinition

P = PipelineDefinition("p", [])


def config(moment: datetime) -> dict[str, Any]:
    """Counts what has come in."""
    return {"at": moment.isoformat()}


def no_config() -> dict[str, Any]:
    return {}


def partitions_of(schedule: PartitionScheduleDefinition, begin: str, end: str) -> dict[str, str]:
    """Returns the partitions that a schedule executes between two moments, by the ticks."""
    last = datetime.fromisoformat(end).replace(tzinfo=UTC)
    ticks = schedule.ticks(datetime.fromisoformat(begin).replace(tzinfo=UTC))
    found = {}
    for tick in takewhile(lambda one: one.astimezone(UTC) <= last, ticks):
        request = schedule.run_request(tick)
        if request is not None and not isinstance(request, SkipReason):
            assert request.partition is not None
            assert request.partition[0] == schedule.partition_set.name
            found[tick.isoformat()] = request.partition[1]
    return found


def test_a_day() -> None:
    @daily_schedule(
        "p",
        "2026-01-01",
        execution_time=time(6, 30),
        end_date="2026-01-03",
        tags={"team": "a"},
        tags_fn_for_date=lambda moment: {"day": moment.strftime("%a")},
        execution_timezone="Europe/Berlin",
    )
    def count(moment: datetime) -> dict[str, Any]:
        """Counts what has come in."""
        return config(moment)

    assert (count.name, count.pipeline_name, count.cron_schedule) == ("count", "p", "30 6 * * *")
    assert count.description == "Counts what has come in."
    assert count.source is not None
    assert count.source.file == __file__
    assert partitions_of(count, "2025-12-30", "2026-01-10") == {
        "2026-01-02T06:30:00+01:00": "2026-01-01",
        "2026-01-03T06:30:00+01:00": "2026-01-02",
    }
    request = count.run_request(next(count.ticks(datetime(2026, 1, 2, tzinfo=UTC))))
    assert request.run_config == {"at": "2026-01-01T00:00:00+01:00"}
    assert request.tags == {"team": "a", "day": "Thu"}
    of_set = count.partition_set
    assert (of_set.name, of_set.pipeline_name) == ("count_partitions", "p")
    assert list(of_set.partitions()) == ["2026-01-01", "2026-01-02"]
    assert of_set.run_request(of_set.partition("2026-01-01")).tags == request.tags


def test_an_hour_a_week_and_a_month() -> None:
    hours = hourly_schedule("p", "2026-01-01", execution_time="00:15", name="hours")(config)
    assert partitions_of(hours, "2026-01-01", "2026-01-01T02:30") == {
        "2026-01-01T01:15:00+00:00": "2026-01-01-00:00",
        "2026-01-01T02:15:00+00:00": "2026-01-01-01:00",
    }
    weeks = weekly_schedule(
        "p", "2026-01-05", execution_day_of_week="Tuesday", execution_time="03:00"
    )(config)
    assert partitions_of(weeks, "2026-01-01", "2026-01-27") == {
        "2026-01-13T03:00:00+00:00": "2026-01-05",
        "2026-01-20T03:00:00+00:00": "2026-01-12",
    }
    months = monthly_schedule("p", "2026-01-01", execution_day_of_month=3)(config)
    assert partitions_of(months, "2026-01-01", "2026-04-01") == {
        "2026-02-03T00:00:00+00:00": "2026-01",
        "2026-03-03T00:00:00+00:00": "2026-02",
    }


def test_should_execute_is_asked_where_there_is_a_partition() -> None:
    asked = []

    def should_execute(context: Any) -> bool:
        asked.append(context.scheduled_execution_time.day)
        return bool(context.scheduled_execution_time.day % 2)

    days = daily_schedule("p", "2026-01-03", should_execute=should_execute)(config)
    assert list(partitions_of(days, "2026-01-01", "2026-01-06").values()) == ["2026-01-04"]
    assert asked == [4, 5, 6]


def test_a_function_may_take_nothing() -> None:
    days = daily_schedule("p", "2026-01-03", name="days")(no_config)
    assert days.run_request(datetime(2026, 2, 1, tzinfo=UTC)).run_config == {}


@pytest.mark.parametrize("make", [hourly_schedule, daily_schedule, weekly_schedule])
@settings(deadline=None, max_examples=30)
@given(
    st.datetimes(datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2030-01-01")),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia"]),
    st.integers(0, 59),
)
def test_each_partition_has_one_tick(make: Any, start: datetime, zone: str, minute: int) -> None:
    """Each partition is executed once, in order, and after it has ended."""
    start = start.replace(minute=0, second=0, microsecond=0)
    span = timedelta(hours=30) if make is hourly_schedule else timedelta(days=22)
    schedule = make("p", start, execution_timezone=zone, execution_time=time(0, minute))(config)
    end = start + span
    before = start - timedelta(days=2)
    found = list(partitions_of(schedule, before.isoformat(), end.isoformat()).values())
    over = [one.name for one in schedule.partition_set.partition_fn(end.replace(tzinfo=UTC))]
    assert found == over[: len(found)]
    assert len(over) - len(found) <= 1  # the tick of the last one is to come


def test_a_day_that_the_zone_leaves_out_doubles_no_run() -> None:
    days = daily_schedule(
        "p", "2011-12-28", execution_time="05:00", execution_timezone="Pacific/Apia"
    )(config)
    assert partitions_of(days, "2011-12-29", "2012-01-01T20:00") == {
        "2011-12-29T05:00:00-10:00": "2011-12-28",
        "2011-12-31T00:00:00+14:00": "2011-12-29",
        "2012-01-01T05:00:00+14:00": "2011-12-31",
        "2012-01-02T05:00:00+14:00": "2012-01-01",
    }


def test_a_repository_holds_the_sets_of_its_schedules() -> None:
    days = daily_schedule("p", "2026-01-01", name="days")(config)

    @repository
    def listed() -> list[Any]:
        return [P, days, days.partition_set]

    @repository
    def keyed() -> dict[str, Any]:
        return {"pipelines": {"p": P}, "schedules": {"days": days}}

    for one in (listed, keyed):
        assert one.partition_sets.get("days_partitions") is days.partition_set
    other = PartitionSetDefinition("days_partitions", "p", lambda: [1])
    with pytest.raises(DefinitionError, match='has the name of the set that <schedule "days"'):

        @repository
        def clashing() -> list[Any]:
            return [P, other, days]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (daily_schedule, {"execution_time": "25:00"}, "expected hours and minutes"),
        (daily_schedule, {"execution_time": time(1, 2, 3)}, "expected hours and minutes"),
        (daily_schedule, {"execution_time": 6}, "expected hours and minutes"),
        (hourly_schedule, {"execution_time": "01:15"}, "minutes after the hour alone"),
        (weekly_schedule, {"execution_day_of_week": 7}, "0 for Sunday to 6 for Saturday"),
        (weekly_schedule, {"execution_day_of_week": "someday"}, "0 for Sunday to 6 for Saturday"),
        (monthly_schedule, {"execution_day_of_month": 31}, "expected 1 to 28"),
        (monthly_schedule, {"execution_day_of_month": True}, "expected 1 to 28"),
        (daily_schedule, {"end_date": "2025-01-01"}, "the end is before the start"),
        (daily_schedule, {"execution_timezone": "Mars"}, 'no time zone "Mars" is known'),
        (daily_schedule, {"name_format": "%Y"}, "would both be '2026'"),
        (daily_schedule, {"run_config": {}}, "cannot use run_config in a schedule by partition"),
        (daily_schedule, {"tags_fn": dict}, "give tags_fn_for_date"),
        (daily_schedule, {"enddate": "2026-01-01"}, 'did you mean "end_date"'),
        (daily_schedule, {"tags_fn_for_date": 3}, "cannot use 3 as tags_fn_for_date"),
        (daily_schedule, {"should_execute": 3}, "cannot use 3 as should_execute"),
        (daily_schedule, {"name": "a b"}, "cannot name a schedule 'a b'"),
    ],
)
def test_refusals(make: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        make("p", "2026-01-01", **arguments)(config)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


def test_the_function_takes_one_argument() -> None:
    decorator: Any = daily_schedule("p", "2026-01-01")
    with pytest.raises(DefinitionError, match="takes a, b"):
        decorator(lambda a, b: {a: b})
    with pytest.raises(DefinitionError, match="expected a function"):
        decorator("days")
