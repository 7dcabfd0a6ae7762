"""A user's location that uses every public name of hostler.definitions."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, assert_type

from hostler.definitions import (
    ConfigError,
    ConfigProblem,
    DefinitionError,
    Enum,
    Field,
    InputDefinition,
    Nothing,
    Output,
    OutputDefinition,
    OutputError,
    OutputReference,
    Partition,
    PartitionScheduleDefinition,
    PartitionSetDefinition,
    PipelineDefinition,
    PipelineResult,
    PresetDefinition,
    RepositoryData,
    RepositoryDefinition,
    ResourceContext,
    ResourceDefinition,
    ResourceError,
    RetryPolicy,
    ScheduleContext,
    ScheduleDefinition,
    SelectionError,
    Selector,
    SkipReason,
    SolidContext,
    SolidDefinition,
    SolidNode,
    SourcePosition,
    TypeCheckError,
    UnknownNameError,
    daily_partitions,
    daily_schedule,
    execute_pipeline,
    hourly_partitions,
    hourly_schedule,
    monthly_partitions,
    monthly_schedule,
    partition_set,
    pipeline,
    repository,
    resource,
    schedule,
    solid,
    weekly_partitions,
    weekly_schedule,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@solid(
    config_schema={"path": str, "limit": Field(int, default=10), "names": [str], "any": {"a": Any}},
    retry_policy=RetryPolicy(3, delay=2, backoff="exponential"),
    tags={"team": "data"},
)
def read(context: SolidContext) -> list[str]:
    context.log.info("read %s for %s", context.config["path"], context.run_id)
    partition = context.partition
    assert_type(partition, Partition | None)
    return [] if partition is None else [partition.name]


@solid
def count(rows: list[str], empty: str = "none") -> str:
    return f"{len(rows)} rows" if rows else empty


@solid(
    inputs=[InputDefinition("rows", description="What was read.")],
    outputs=[OutputDefinition("long", list), OutputDefinition("short", is_required=False)],
)
def split(rows: list[str]) -> Any:
    yield Output(rows, "long")
    yield Output([], "short")


@solid
def join(texts: list[str]) -> str:
    return ", ".join(texts)


@pipeline
def report() -> None:
    rows = read()
    assert_type(rows, list[str])
    parts = split(rows)
    count(parts.long)
    join([count(rows), count.alias("again").tag({"a": "b"})(parts.short)])


@pipeline(name="other", description="Another.", tags={"a": "b"})
def named() -> None:
    count(read())


generated = PipelineDefinition(
    "generated",
    [
        SolidNode(read),
        SolidNode(count, name="n", sources={"rows": OutputReference("read", "result")}),
    ],
)


@schedule("0 6 * * mon-fri", "report", execution_timezone="Europe/Berlin", tags={"a": "b"})
def workdays(context: ScheduleContext) -> dict[str, Any]:
    assert_type(context.scheduled_execution_time, datetime)
    return {"solids": {}}


@schedule("@daily", "report")
def nightly() -> dict[str, Any]:
    return {}


hourly = ScheduleDefinition(
    "hourly",
    "@hourly",
    "report",
    run_config={"solids": {}},
    tags_fn=lambda context: {"hour": str(context.scheduled_execution_time.hour)},
    should_execute=lambda context: context.scheduled_execution_time.hour != 12,
    environment_vars={"A": "b"},
)


@partition_set("report", daily_partitions("2026-01-01", timezone="Europe/Berlin"))
def days(partition: Partition) -> dict[str, Any]:
    return {"solids": {"read": {"config": {"path": partition.name}}}}


regions = PartitionSetDefinition(
    "regions",
    "report",
    lambda: ["eu", "us", Partition({"code": 7}, "rest")],
    run_config_fn_for_partition=lambda partition: {"a": partition.value},
    tags_fn_for_partition=lambda partition: {"region": partition.name},
)
months = PartitionSetDefinition("months", "report", monthly_partitions("2026-01-01"))
weeks = PartitionSetDefinition("weeks", "report", weekly_partitions(date(2026, 1, 1)))
hours = PartitionSetDefinition("hours", "report", hourly_partitions("2026-01-01", "2026-02-01"))


@resource(config_schema={"url": str})
def db(context: ResourceContext) -> Iterator[str]:
    yield str(context.config["url"])


@resource
def cache() -> dict[str, int]:
    return {}


@solid(
    required_resources={"db"},
    config_schema={
        "mode": Field(Enum("Mode", ["fast", "safe"]), default="safe"),
        "to": Selector({"a": str, "b": {"c": int}}),
    },
    outputs=[OutputDefinition("done", Nothing)],
    type_check=False,
)
def store(context: SolidContext) -> None:
    context.log.info("%s", context.resources.db)


@solid(inputs=[InputDefinition("after", Nothing)], config_schema=int)
def check(context: SolidContext) -> int:
    return int(context.config)


@pipeline(
    resources={"db": db, "cache": cache},
    presets=[PresetDefinition("local", {"solids": {}}, solids=["*check"], tags={"a": "b"})],
)
def stored() -> None:
    check(store())


assert_type(db, ResourceDefinition)
assert_type(stored.presets["local"], PresetDefinition)


def weekday(day: datetime) -> dict[str, str]:
    return {"weekday": day.strftime("%a")}


@daily_schedule("report", "2026-01-01", execution_time="06:30", tags_fn_for_date=weekday)
def by_day(day: datetime) -> dict[str, Any]:
    return {"solids": {}}


@hourly_schedule("report", date(2026, 1, 1))
def by_hour() -> dict[str, Any]:
    return {}


@weekly_schedule("report", "2026-01-01", execution_day_of_week="mon")
def by_week(day: datetime) -> dict[str, Any]:
    return {}


@monthly_schedule("report", "2026-01-01", execution_day_of_month=2)
def by_month(day: datetime) -> dict[str, Any]:
    return {}


assert_type(by_day, PartitionScheduleDefinition)


@schedule("@daily", "report")
def seldom(context: ScheduleContext) -> dict[str, Any] | SkipReason:
    return SkipReason("no rows")


def told(error: ResourceError | TypeCheckError) -> str:
    return str(error)


@repository
def eager() -> list[PipelineDefinition | ScheduleDefinition | PartitionSetDefinition]:
    return [
        report,
        named,
        generated,
        workdays,
        nightly,
        hourly,
        days,
        regions,
        months,
        weeks,
        hours,
        by_day,
        seldom,
    ]


@repository
def pipelines_alone() -> list[PipelineDefinition]:
    return [report, named]


def make_report() -> PipelineDefinition:
    return report


@repository(name="lazy", description="Constructed on demand.")
def lazy_reports() -> dict[str, dict[str, Any]]:
    return {"pipelines": {"report": make_report, "other": named}, "schedules": {"nightly": nightly}}


@repository(name="references")
def references():  # type: ignore[no-untyped-def]  # most people annotate nothing
    return {"pipelines": {"report": lambda: report}, "schedules": {"nightly": nightly}}


class Data(RepositoryData):
    def pipeline_names(self) -> list[str]:
        return ["report"]

    def pipeline(self, name: str) -> PipelineDefinition:
        return report


@repository
def found() -> RepositoryData:
    return Data()


assert_type(found, RepositoryDefinition)
assert_type(report, PipelineDefinition)
assert_type(workdays, ScheduleDefinition)
assert_type(days, PartitionSetDefinition)
assert_type(found.get_pipeline("report"), PipelineDefinition)
assert_type(eager.partition_sets.get("days"), PartitionSetDefinition)
read_definition: SolidDefinition[list[str]] = read


READ: dict[str, Any] = {"path": "x", "names": [], "any": {"a": 1}}


def test_report() -> None:
    assert count(["a"]) == "1 rows"
    context = SolidContext(config=READ, partition=Partition(1, "one"))
    assert_type(read(context), list[str])
    result = execute_pipeline(
        report,
        {"solids": {"read": {"config": READ}}},
        partition=Partition("eu"),
        raise_on_error=False,
    )
    assert_type(result, PipelineResult)
    assert_type(result.success, bool)
    assert result.output("join") == "1 rows, none"


def source_of(error: Exception) -> SourcePosition | None:
    if isinstance(error, (DefinitionError, UnknownNameError)):
        return error.source
    if isinstance(error, ConfigError):
        problems: list[ConfigProblem] = list(error.problems)
        assert_type(problems[0].path, str)
    if isinstance(error, SelectionError):
        assert_type("; ".join(error.problems), str)
    assert_type(OutputError("x"), OutputError)
    return None
