"""A user's location that uses every public name of hostler.definitions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, assert_type

from hostler.definitions import (
    ConfigError,
    ConfigProblem,
    DefinitionError,
    Field,
    InputDefinition,
    Output,
    OutputDefinition,
    OutputError,
    OutputReference,
    Partition,
    PartitionSetDefinition,
    PipelineDefinition,
    PipelineResult,
    RepositoryData,
    RepositoryDefinition,
    RetryPolicy,
    ScheduleContext,
    ScheduleDefinition,
    SelectionError,
    SkipReason,
    SolidContext,
    SolidDefinition,
    SolidNode,
    SourcePosition,
    UnknownNameError,
    daily_partitions,
    execute_pipeline,
    hourly_partitions,
    monthly_partitions,
    partition_set,
    pipeline,
    repository,
    schedule,
    solid,
    weekly_partitions,
)


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
    should_execute=lambda context: (
        context.scheduled_execution_time.hour != 12 or SkipReason("the shop is closed")
    ),
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
