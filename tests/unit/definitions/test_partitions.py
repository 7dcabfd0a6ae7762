"""Partition sets, and partitions by time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.definitions import (
    DefinitionError,
    Partition,
    PartitionSetDefinition,
    PipelineDefinition,
    RepositoryData,
    RepositoryDefinition,
    ScheduleDefinition,
    UnknownNameError,
    daily_partitions,
    hourly_partitions,
    monthly_partitions,
    partition_set,
    repository,
    weekly_partitions,
)

pipeline_p = PipelineDefinition("p", [])
NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)


class Region(NamedTuple):
    name: str
    size: int


def regions() -> list[Any]:
    return [Region("eu", 3), "us", 7, Partition({"x": 1}, "rest/of it"), date(2026, 1, 31)]


@partition_set("p", regions, tags_fn_for_partition=lambda one: {"region": one.name})
def by_region(partition: Partition) -> dict[str, Any]:
    """By region."""
    return {"region": partition.name, "value": str(partition.value)}


def test_partitions_have_the_names_of_their_values() -> None:
    assert list(by_region.partitions()) == ["eu", "us", "7", "rest/of it", "2026-01-31"]
    assert by_region.partition("rest/of it").value == {"x": 1}
    assert (by_region.name, by_region.description) == ("by_region", "By region.")
    request = by_region.run_request(by_region.partition("7"))
    assert (request.run_config, request.tags) == ({"region": "7", "value": "7"}, {"region": "7"})


def test_functions_are_optional_and_need_not_take_the_partition() -> None:
    bare = PartitionSetDefinition("bare", "p", regions)
    request = bare.run_request(bare.partition("eu"))
    assert (request.run_config, request.tags) == ({}, {})
    fixed = PartitionSetDefinition("b", "p", regions, run_config_fn_for_partition=lambda: {"a": 1})
    assert fixed.run_request(fixed.partition("eu")).run_config == {"a": 1}


def test_an_unknown_partition_gives_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"partition 'eü' in .*\"by_region\""):
        by_region.partition("eü")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"partition_fn of partition set \"s\" returned: found None"),
        (3, r"found 3 \(int\), expected a list of partitions"),
        ("abc", "found a str, expected a list"),
        ({"a": 1}, "found a dict, expected a list"),
        (["a", "a"], 'two partitions named "a" in partition set "s"; give each a name of its own'),
        ([""], "cannot name a partition ''"),
        (["a\nb"], "expected text without line breaks"),
    ],
)
def test_refused_partitions(given: Any, message: str) -> None:
    made = PartitionSetDefinition("s", "p", lambda: given)
    with pytest.raises(DefinitionError, match=message) as raised:
        made.partitions()
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a b"}, "cannot name a partition set"),
        ({"pipeline_name": ""}, 'cannot name the pipeline of partition set "s"'),
        ({"partition_fn": ["a"]}, "found a list, expected a function that gives the partitions"),
        ({"partition_fn": lambda x: [x]}, "takes x, expected a function without arguments"),
        ({"run_config_fn_for_partition": {}}, "as run_config_fn_for_partition of partition set"),
        ({"tags_fn_for_partition": lambda a, b: {}}, "it takes a, b, expected .* the partition"),
    ],
)
def test_refused(arguments: dict[str, Any], message: str) -> None:
    given = {"name": "s", "pipeline_name": "p", "partition_fn": regions, **arguments}
    with pytest.raises(DefinitionError, match=message):
        PartitionSetDefinition(**given)


def test_what_a_list_and_data_of_the_users_own_hold() -> None:
    nightly = ScheduleDefinition("p", "@daily", "p")  # a name serves each kind once

    class Data(RepositoryData):
        def pipeline_names(self) -> list[str]:
            return ["p"]

        def pipeline(self, name: str) -> PipelineDefinition:
            return pipeline_p

        def schedule_names(self) -> list[str]:
            return ["p"]

        def schedule(self, name: str) -> ScheduleDefinition:
            return nightly

        def partition_set_names(self) -> list[str]:
            return ["by_region"]

        def partition_set(self, name: str) -> PartitionSetDefinition:
            return by_region

    listed = repository(name="listed")(lambda: [by_region, pipeline_p, nightly])

    def make() -> RepositoryData:
        return Data()

    provided = repository(name="provided")(make)
    for repo in (listed, provided):
        assert repo.pipelines.names == ("p",)
        assert repo.schedules.names == ("p",)
        assert repo.partition_sets.names == ("by_region",)
        assert repo.partition_sets.get("by_region") is by_region
    assert listed.partition_sets.constructed() == {"by_region": by_region}
    with pytest.raises(DefinitionError, match=r'schedule "p" at index 1 and at index 2'):
        repository(name="twice")(lambda: [pipeline_p, nightly, nightly])


def test_a_set_of_an_unknown_pipeline_is_refused() -> None:
    message = r'<partition set "by_region"> .*"p", which is not in the repository; there are "q"'
    with pytest.raises(DefinitionError, match=message) as raised:
        repository(name="eager")(lambda: [PipelineDefinition("q", []), by_region])
    assert raised.value.source == by_region.source
    sets = {"by_region": lambda: by_region}
    lazy = RepositoryDefinition("lazy", {"q": PipelineDefinition("q", [])}, partition_sets=sets)
    assert lazy.partition_sets.names == ("by_region",)
    with pytest.raises(DefinitionError, match=message.replace("eager", "lazy")):
        lazy.partition_sets.get("by_region")
    with pytest.raises(UnknownNameError, match=r"partition set 'by_regon' .*mean \"by_region\""):
        lazy.partition_sets.get("by_regon")


def names(function: Any, now: datetime = NOW) -> list[str]:
    return [one.name for one in function(now)]


def test_days_that_have_passed() -> None:
    days = daily_partitions(date(2026, 3, 30), timezone="Europe/Berlin")
    assert names(days) == ["2026-03-30", "2026-03-31", "2026-04-01"]
    assert names(days, datetime(2026, 3, 30, 21, 59, tzinfo=UTC)) == []
    assert names(days, datetime(2026, 3, 30, 22, tzinfo=UTC)) == ["2026-03-30"]
    assert days(NOW)[0].value.isoformat() == "2026-03-30T00:00:00+02:00"
    assert len(days()) > 0  # by now, whenever that is


def test_an_end_and_a_format() -> None:
    days = daily_partitions("2026-03-30", "2026-04-01", name_format="%d.%m.")
    assert names(days) == ["30.03.", "31.03."]


def test_weeks_and_months() -> None:
    assert names(weekly_partitions("2026-03-16")) == ["2026-03-16", "2026-03-23"]
    months = monthly_partitions("2025-11-15T06:00")
    assert names(months) == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert months(NOW)[1].value == datetime(2025, 12, 15, 6, tzinfo=UTC)


def test_hours_where_the_clock_is_put_back_and_forward() -> None:
    back = hourly_partitions("2026-10-25T01:00", "2026-10-25T04:00", timezone="Europe/Berlin")
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert names(back, later) == [
        "2026-10-25-01:00",
        "2026-10-25-02:00",
        "2026-10-25-02:00+0100",
        "2026-10-25-03:00",
    ]
    forward = hourly_partitions("2026-03-29T01:00", "2026-03-29T05:00", timezone="Europe/Berlin")
    assert names(forward, later) == ["2026-03-29-01:00", "2026-03-29-03:00", "2026-03-29-04:00"]


@pytest.mark.parametrize("make", [hourly_partitions, daily_partitions, weekly_partitions])
@given(
    st.datetimes(datetime.fromisoformat("2010-01-01"), datetime.fromisoformat("2030-01-01")),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia"]),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=8)),
)
def test_partitions_follow_each_other_and_have_names_of_their_own(
    make: Any, start: datetime, zone: str, span: Any
) -> None:
    start = start.replace(minute=0, second=0, microsecond=0)
    now = start.replace(tzinfo=UTC) + span
    found = make(start, timezone=zone)(now)
    moments = [one.value.astimezone(UTC) for one in found]
    assert moments == sorted(moments)
    assert len({one.name for one in found}) == len(found)
    assert all(moment < now for moment in moments)


@pytest.mark.parametrize(
    ("start", "zone", "message"),
    [
        ("soon", "UTC", "cannot make partitions from 'soon'"),
        (3, "UTC", "found an int, expected a date, a datetime or a string"),
        (NOW, "UTC", "has a time zone, which is given as timezone="),
        ("2026-01-01", "Mars", 'no time zone "Mars" is known'),
    ],
)
def test_refused_dates(start: Any, zone: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        daily_partitions(start, timezone=zone)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


def test_months_do_not_start_on_a_day_that_some_have_not() -> None:
    with pytest.raises(DefinitionError, match="start on the 28th at the latest"):
        monthly_partitions("2026-01-29")


@pytest.mark.parametrize(
    ("make", "end", "last"),
    [
        (monthly_partitions, "2020-03-06", "2020-02"),
        (monthly_partitions, "2020-04-01", "2020-03"),
        (weekly_partitions, "2020-01-28", "2020-01-15"),
        (weekly_partitions, "2020-01-29", "2020-01-22"),
        (daily_partitions, "2020-01-03T12:00", "2020-01-02"),
        (hourly_partitions, "2020-01-01T05:59", "2020-01-01-04:00"),
    ],
)
def test_what_is_not_over_by_the_end_is_no_partition(make: Any, end: str, last: str) -> None:
    by_end = make("2020-01-01", end)()
    assert by_end[-1].name == last
    # as what is not over by now
    now = datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert make("2020-01-01")(now) == by_end


def test_the_end_may_be_the_start_and_not_before_it() -> None:
    assert daily_partitions("2026-01-02", "2026-01-02")() == []
    with pytest.raises(DefinitionError, match="the end is before the start; swap the two"):
        daily_partitions("2026-01-02", "2026-01-01")


def test_partitions_end_with_the_last_year_of_a_datetime() -> None:
    far = datetime.max.replace(tzinfo=UTC)
    assert daily_partitions("9999-12-29")(far)[-1].name == "9999-12-30"
    assert len(monthly_partitions("9999-10-01")(far)) == 2
    assert daily_partitions(date.max)(far) == []


@pytest.mark.parametrize(
    ("make", "name_format"),
    [
        (daily_partitions, "%Y-%m"),
        (daily_partitions, "%d"),
        (daily_partitions, "%z"),
        (hourly_partitions, "%H:%M"),
        (hourly_partitions, "%Y-%m-%d"),
        (weekly_partitions, "%Y-%m"),
        (monthly_partitions, "%m"),
    ],
)
def test_a_name_format_whose_names_collide_is_refused(make: Any, name_format: str) -> None:
    with pytest.raises(DefinitionError, match=r"would both be .* tells them apart") as raised:
        make("2026-01-31" if make is daily_partitions else "2026-01-01", name_format=name_format)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


def test_names_that_collide_after_a_year_are_found_when_they_do() -> None:
    days = daily_partitions("2026-01-01", name_format="%d %b")
    assert len(days(datetime(2026, 12, 31, tzinfo=UTC))) == 364
    with pytest.raises(DefinitionError, match="would both be '01 Jan'"):
        days(datetime(2027, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("name_format", ["", 3])
def test_a_name_format_is_a_text(name_format: Any) -> None:
    with pytest.raises(DefinitionError, match="expected a format of strftime as"):
        daily_partitions("2026-01-01", name_format=name_format)


def test_a_name_may_hold_the_zone() -> None:
    zone = "Europe/Berlin"
    days = daily_partitions("2026-03-28", "2026-03-31", timezone=zone, name_format="%d%z")
    assert [one.name for one in days()] == ["28+0100", "29+0100", "30+0200"]
    hours = hourly_partitions(
        "2026-10-25T02:00", "2026-10-25T03:00", timezone=zone, name_format="%H%z"
    )
    assert [one.name for one in hours()] == ["02+0200", "02+0100"]


def test_a_partition_stands_for_something() -> None:
    make: Any = Partition
    with pytest.raises(DefinitionError, match=r'give the value .* Partition\("eu"\)'):
        make()


@pytest.mark.parametrize(
    "make", [hourly_partitions, daily_partitions, weekly_partitions, monthly_partitions]
)
@given(
    st.datetimes(datetime.fromisoformat("2009-01-01"), datetime.fromisoformat("2030-01-01")),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "+05:30"]),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=12)),
)
def test_an_end_is_as_a_now(make: Any, start: datetime, zone: str, span: Any) -> None:
    """By the end of a partition it is one, and a moment before that it is none yet."""
    start = start.replace(day=min(start.day, 28), minute=0, second=0, microsecond=0)
    end = start + span
    bounded = make(start, end, timezone=zone)()
    later = make(start, timezone=zone)(bounded[-1].value + timedelta(days=40)) if bounded else []
    assert later[: len(bounded)] == bounded
    if len(later) > len(bounded):
        next_begin = later[len(bounded)].value.astimezone(UTC)
        free = make(start, timezone=zone)
        assert free(next_begin) == bounded
        assert free(next_begin - timedelta(minutes=1)) == bounded[:-1]
