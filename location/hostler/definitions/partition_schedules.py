"""Schedules by partition: each run is about the hour, day, week or month that has ended last."""

from __future__ import annotations

from datetime import time, timedelta, timezone

from hostler.definitions._names import check_tags, suggestion
from hostler.definitions._preview import preview
from hostler.definitions._run_requests import (
    RunRequest,
    call_with,
    check_run_request_function,
)
from hostler.definitions._signatures import check_function
from hostler.definitions._zones import UTC
from hostler.definitions.date_partitions import (
    daily_partitions,
    hourly_partitions,
    monthly_partitions,
    weekly_partitions,
)
from hostler.definitions.errors import DefinitionError
from hostler.definitions.partitions import PartitionSetDefinition
from hostler.definitions.schedules import ScheduleDefinition, SkipReason
from hostler.definitions.source import calling_position, documentation_of, position_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, Callable, List, Mapping, Union

    from hostler.definitions.date_partitions import Date
    from hostler.definitions.partitions import Partition
    from hostler.definitions.schedules import ScheduleContext
    from hostler.definitions.source import SourcePosition

    RunConfigFunction = Union[
        Callable[[datetime], Mapping[str, Any]], Callable[[], Mapping[str, Any]]
    ]
    TagsFunction = Union[Callable[[datetime], Mapping[str, str]], Callable[[], Mapping[str, str]]]
    Partitions = Callable[..., List[Partition]]

#: As cron counts them.
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

#: The last day that every month has.
_EVERY_MONTH_HAS = 28

#: What the decorators take beside the arguments of a schedule.
_OWN = ("end_date", "name_format", "tags_fn_for_date", "execution_time")


class PartitionScheduleDefinition(ScheduleDefinition):
    """A schedule each of whose runs is about a partition; `daily_schedule` and the like make one.

    At a tick, a run is due for the partition that has ended last, once for each partition. A
    repository that holds the schedule holds its partition set as well.

    Args:
        name, cron_schedule, pipeline_name: of the schedule.
        function: gives the run config; takes the moment at which a partition begins, or nothing.
        partition_fn: gives the partitions, see `daily_partitions`.
        look_back: longer than from one tick to the next but one.
        tags_fn_for_date: takes the same, and gives tags.
        should_execute: asked where there is a partition to execute; as that of a schedule.
        source: where it is defined.
        others: as those of `ScheduleDefinition`.

    Attributes:
        partition_set: the set, named as the schedule and "_partitions".

    Raises:
        DefinitionError: an argument is invalid.
    """

    __slots__ = ("_look_back", "_partition_fn", "partition_set")

    def __init__(  # noqa: PLR0913 (as many as a schedule has sides)
        self,
        name: str,
        cron_schedule: str,
        pipeline_name: str,
        *,
        function: RunConfigFunction,
        partition_fn: Partitions,
        look_back: timedelta,
        tags: Mapping[str, str] | None = None,
        tags_fn_for_date: TagsFunction | None = None,
        should_execute: Callable[..., Any] | None = None,
        source: SourcePosition | None = None,
        **others: Any,
    ) -> None:
        what = f'schedule "{name}"'
        date = "moment at which a partition begins"
        check_run_request_function(what, "the function", function, date, source)
        check_run_request_function(what, "tags_fn_for_date", tags_fn_for_date, date, source)
        check_run_request_function(
            what, "should_execute", should_execute, "schedule's context", source
        )
        plain_tags = check_tags(what, tags, source)
        self._partition_fn = partition_fn
        self._look_back = look_back

        def is_due(context: ScheduleContext) -> Any:
            if self._partition_at(context.scheduled_execution_time) is None:
                return SkipReason("no partition has ended since the last tick")
            return True if should_execute is None else call_with(should_execute, context)

        def run_config(partition: Partition) -> Any:
            return call_with(function, partition.value)

        def partition_tags(partition: Partition) -> Any:
            if tags_fn_for_date is None:
                return plain_tags
            given = call_with(tags_fn_for_date, partition.value)
            return {**plain_tags, **check_tags(what, given, position_of(tags_fn_for_date, source))}

        super().__init__(
            name,
            cron_schedule,
            pipeline_name,
            run_config_fn=lambda context: run_config(self._due(context)),
            tags_fn=lambda context: partition_tags(self._due(context)),
            should_execute=is_due,
            source=source,
            **others,
        )
        self.partition_set = PartitionSetDefinition(
            f"{self.name}_partitions",
            self.pipeline_name,
            partition_fn,
            run_config_fn_for_partition=run_config,
            tags_fn_for_partition=partition_tags,
            description=f'The partitions of schedule "{self.name}".',
            source=source,
        )

    def run_request(self, tick: datetime) -> Any:
        """As that of a schedule; the request also names the partition."""
        request = super().run_request(tick)
        if isinstance(request, RunRequest):
            partition = self._partition_at(tick)
            assert partition is not None
            request.partition = (self.partition_set.name, partition.name)
        return request

    def _due(self, context: ScheduleContext) -> Partition:
        found = self._partition_at(context.scheduled_execution_time)
        assert found is not None  # `is_due` has looked
        return found

    def _partition_at(self, tick: datetime) -> Partition | None:
        """Returns the partition that a tick is for; None where there is none, or it had a tick."""
        found = self._ended_last(tick)
        # Where a zone leaves out a day, two ticks follow the end of one partition.
        earlier = tick - self._look_back
        for one in self.ticks(earlier):
            if one.astimezone(timezone.utc) >= tick.astimezone(timezone.utc):
                break
            earlier = one
        return None if found == self._ended_last(earlier) else found

    def _ended_last(self, moment: datetime) -> Partition | None:
        found = self._partition_fn(moment, since=moment - self._look_back)
        return found[-1] if found else None


class PartitionScheduleDecorator:
    """What `daily_schedule(...)` and the like return: it makes a schedule of the function."""

    __slots__ = ("_arguments", "_name")

    def __init__(self, name: str | None, arguments: dict[str, Any]) -> None:
        self._name = name
        self._arguments = arguments

    def __call__(self, function: RunConfigFunction) -> PartitionScheduleDefinition:
        check_function("a schedule", function)
        arguments = dict(self._arguments)
        arguments["description"] = arguments.get("description") or documentation_of(function)
        name: Any = getattr(function, "__name__", None) if self._name is None else self._name
        return PartitionScheduleDefinition(
            name, function=function, source=position_of(function), **arguments
        )


def hourly_schedule(
    pipeline_name: str,
    start_date: Date,
    *,
    name: str | None = None,
    execution_time: time | str = "00:00",
    **others: Any,
) -> PartitionScheduleDecorator:
    """Makes a schedule with a run for each hour that has passed.

    Args:
        execution_time: how long after the hour, less than an hour: "00:15".

    The others are those of `daily_schedule`.
    """
    hour, minute = _clock_time(execution_time)
    if hour:
        raise DefinitionError(
            f"cannot execute an hourly schedule at {preview(execution_time)}: expected the minutes "
            'after the hour alone, as "00:15"',
            calling_position(),
        )
    cron = f"{minute} * * * *"
    return _decorator(
        hourly_partitions, timedelta(hours=1), cron, pipeline_name, start_date, name, others
    )


def daily_schedule(
    pipeline_name: str,
    start_date: Date,
    *,
    name: str | None = None,
    execution_time: time | str = "00:00",
    **others: Any,
) -> PartitionScheduleDecorator:
    """Makes a schedule with a run for each day that has passed, and its partition set.

    The function below it gives the run config of a run. It takes the moment at which the day
    begins, an aware datetime, or nothing.

    Args:
        pipeline_name: the pipeline, by its name in the same repository.
        start_date: when the first partition begins, as that of `daily_partitions`.
        name: the function's name if left out.
        execution_time: when the run is due on the day after: a time, or a string as "06:30".
        others: `end_date` and `name_format`, as `end` and `name_format` of `daily_partitions`;
            `tags_fn_for_date`, a function that takes what the function takes and gives tags;
            `execution_timezone`, whose days and whose clock; and every other argument of
            `ScheduleDefinition` but `run_config`, `run_config_fn` and `tags_fn`.

    Raises:
        DefinitionError: an argument is invalid.
    """
    hour, minute = _clock_time(execution_time)
    cron = f"{minute} {hour} * * *"
    return _decorator(
        daily_partitions, timedelta(days=1), cron, pipeline_name, start_date, name, others
    )


def weekly_schedule(
    pipeline_name: str,
    start_date: Date,
    *,
    name: str | None = None,
    execution_day_of_week: int | str = 0,
    execution_time: time | str = "00:00",
    **others: Any,
) -> PartitionScheduleDecorator:
    """Makes a schedule with a run for each seven days from `start_date` on that have passed.

    Args:
        execution_day_of_week: 0, or "sun", for Sunday, to 6, or "sat", for Saturday.

    The others are those of `daily_schedule`.
    """
    day = execution_day_of_week
    if isinstance(day, str) and day.lower()[:3] in _WEEKDAYS:
        day = _WEEKDAYS.index(day.lower()[:3])
    if isinstance(day, bool) or not isinstance(day, int) or not 0 <= day < len(_WEEKDAYS):
        raise DefinitionError(
            f"cannot execute a weekly schedule on day {preview(execution_day_of_week)}: expected "
            '0 for Sunday to 6 for Saturday, or a name as "mon"',
            calling_position(),
        )
    hour, minute = _clock_time(execution_time)
    cron = f"{minute} {hour} * * {day}"
    return _decorator(
        weekly_partitions, timedelta(weeks=1), cron, pipeline_name, start_date, name, others
    )


def monthly_schedule(
    pipeline_name: str,
    start_date: Date,
    *,
    name: str | None = None,
    execution_day_of_month: int = 1,
    execution_time: time | str = "00:00",
    **others: Any,
) -> PartitionScheduleDecorator:
    """Makes a schedule with a run for each month from `start_date` on that has passed.

    Args:
        execution_day_of_month: from 1 to 28.

    The others are those of `daily_schedule`.
    """
    day = execution_day_of_month
    if isinstance(day, bool) or not isinstance(day, int) or not 1 <= day <= _EVERY_MONTH_HAS:
        raise DefinitionError(
            f"cannot execute a monthly schedule on day {preview(day)}: expected 1 to "
            f"{_EVERY_MONTH_HAS}, the days that every month has",
            calling_position(),
        )
    hour, minute = _clock_time(execution_time)
    cron = f"{minute} {hour} {day} * *"
    return _decorator(
        monthly_partitions, timedelta(days=31), cron, pipeline_name, start_date, name, others
    )


def _decorator(
    make: Callable[..., Partitions],
    length: timedelta,
    cron: str,
    pipeline_name: str,
    start_date: Date,
    name: str | None,
    others: dict[str, Any],
) -> PartitionScheduleDecorator:
    for key in ("run_config", "run_config_fn", "tags_fn"):
        if key in others:
            advice = "give tags_fn_for_date" if key == "tags_fn" else "the function gives it"
            raise DefinitionError(
                f"cannot use {key} in a schedule by partition: {advice}; remove it",
                calling_position(),
            )
    known = (*_OWN, *ScheduleDefinition.__slots__)
    for key in others:
        if key not in known:
            raise DefinitionError(
                f'cannot make a schedule by partition with "{key}"; {suggestion(key, known)}',
                calling_position(),
            )
    others = dict(others)
    partition_fn = make(
        start_date,
        others.pop("end_date", None),
        timezone=others.get("execution_timezone") or UTC,
        name_format=others.pop("name_format", None),
    )
    return PartitionScheduleDecorator(
        name,
        {
            "cron_schedule": cron,
            "pipeline_name": pipeline_name,
            "partition_fn": partition_fn,
            "look_back": 3 * length,
            **others,
        },
    )


def _clock_time(value: object) -> tuple[int, int]:
    """Returns hour and minute."""
    found = value
    if isinstance(value, str):
        try:
            found = time.fromisoformat(value)
        except ValueError:
            found = None
    if isinstance(found, time) and not (found.second or found.microsecond or found.tzinfo):
        return found.hour, found.minute
    raise DefinitionError(
        f"cannot execute a schedule at {preview(value)}: expected hours and minutes, as "
        'datetime.time(6, 30) or "06:30"; the zone is given as execution_timezone="..."',
        calling_position(),
    )
