"""Definitions as messages of hostler.v1: each is parsed as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from hostler.definitions import (
    Enum,
    Field,
    InputDefinition,
    Output,
    OutputDefinition,
    PartitionSetDefinition,
    PipelineDefinition,
    PresetDefinition,
    RetryPolicy,
    ScheduleDefinition,
    Selector,
    SolidContext,
    SolidNode,
    pipeline,
    repository,
    solid,
)
from hostler.host.describe import (
    describe_constructed,
    describe_definition,
    describe_pipeline,
    describe_repository,
)
from hostler.v1 import definitions_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator


@solid(
    description="Reads.",
    config_schema={"path": str, "deep": {"rows": Field([{"a": int}], default=[])}},
    outputs=[
        OutputDefinition("a", int, description="First."),
        OutputDefinition("b", is_required=False),
    ],
)
def read(context: SolidContext) -> Iterator[Output]:
    yield Output(1, "a")


@solid(inputs=[InputDefinition("values", description="All.")], tags={"kind": "sum"})
def total(values: list[int]) -> int:
    return sum(values)


@pipeline(tags={"team": "a"})
def sums() -> None:
    """Sums."""
    first = read()
    total.alias("both")([first.a, first.b])


def never() -> Any:
    raise AssertionError("a description constructs nothing")


@repository
def everything() -> dict[str, dict[str, Any]]:
    """All of it."""
    return {"pipelines": {"sums": sums, "lazy": never}}


nightly = ScheduleDefinition(
    "nightly",
    "0 6 * * *",
    "sums",
    run_config={"a": [1, None]},
    tags_fn=lambda: {"a": "b"},
    environment_vars={"REGION": "eu"},
    execution_timezone="Europe/Berlin",
    description="Each night.",
)
days = PartitionSetDefinition("days", "lazy", never, run_config_fn_for_partition=never)


@repository
def scheduled() -> dict[str, dict[str, Any]]:
    return {
        "pipelines": {"sums": sums, "lazy": never},
        "schedules": {"nightly": nightly, "lazy": never},
        "partition_sets": {"days": days, "lazy": never},
    }


def parsed_pipeline(made: PipelineDefinition) -> definitions_pb2.Pipeline:
    described = describe_pipeline("etl", "everything", made)
    return json_format.ParseDict(described, definitions_pb2.Pipeline())


def test_repository() -> None:
    described = describe_repository("etl", everything)
    message = json_format.ParseDict(described, definitions_pb2.Repository())
    parent = "locations/etl/repositories/everything"
    assert message == definitions_pb2.Repository(
        name=parent,
        description="All of it.",
        pipelines=[
            definitions_pb2.PipelineSummary(
                name=f"{parent}/pipelines/sums", description="Sums.", solid_count=2
            ),
            definitions_pb2.PipelineSummary(name=f"{parent}/pipelines/lazy", lazy=True),
        ],
        source=definitions_pb2.SourcePosition(
            file=__file__, line=everything.source.line if everything.source else 0
        ),
    )
    # Canonical: nothing is lost or renamed on the way through the message.
    again = json_format.MessageToDict(message)
    assert described == again


def test_schedules_and_partition_sets() -> None:
    parent = "locations/etl/repositories/scheduled"
    described = describe_repository("etl", scheduled)
    message = json_format.ParseDict(described, definitions_pb2.Repository())
    assert list(message.schedules) == [
        definitions_pb2.ScheduleSummary(
            name=f"{parent}/schedules/nightly",
            description="Each night.",
            cron_schedule="0 6 * * *",
            execution_timezone="Europe/Berlin",
            pipeline=f"{parent}/pipelines/sums",
        ),
        definitions_pb2.ScheduleSummary(name=f"{parent}/schedules/lazy", lazy=True),
    ]
    assert list(message.partition_sets) == [
        definitions_pb2.PartitionSetSummary(
            name=f"{parent}/partitionSets/days", pipeline=f"{parent}/pipelines/lazy"
        ),
        definitions_pb2.PartitionSetSummary(name=f"{parent}/partitionSets/lazy", lazy=True),
    ]
    constructed = describe_constructed("etl", scheduled)
    assert {field: list(found) for field, found in constructed.items()} == {
        "pipelines": ["sums"],
        "schedules": ["nightly"],
        "partitionSets": ["days"],
    }
    schedule = json_format.ParseDict(
        constructed["schedules"]["nightly"], definitions_pb2.Schedule()
    )
    assert json_format.MessageToDict(schedule.run_config) == {"a": [1, None]}
    assert dict(schedule.environment_vars) == {"REGION": "eu"}
    computes = (
        schedule.computes_run_config,
        schedule.computes_tags,
        schedule.computes_should_execute,
    )
    assert computes == (False, True, False)
    found = describe_definition("etl", scheduled, "partitionSets", "days")
    partition_set = json_format.ParseDict(found, definitions_pb2.PartitionSet())
    assert (partition_set.name, partition_set.source.file) == (
        f"{parent}/partitionSets/days",
        __file__,
    )
    assert (partition_set.computes_run_config, partition_set.computes_tags) == (True, False)


def test_retry_policy() -> None:
    @solid(retry_policy=RetryPolicy(2, delay=1.5, backoff="linear"))
    def shaky() -> None: ...

    @pipeline
    def p() -> None:
        shaky()

    policy = parsed_pipeline(p).solids[0].retry_policy
    assert (policy.max_retries, policy.delay.ToMilliseconds()) == (2, 1500)
    assert policy.backoff == definitions_pb2.RetryPolicy.LINEAR
    assert not parsed_pipeline(sums).solids[0].HasField("retry_policy")


def test_timeout() -> None:
    @solid(timeout=1.5)
    def slow() -> None: ...

    @pipeline
    def p() -> None:
        slow()

    assert parsed_pipeline(p).solids[0].timeout.ToMilliseconds() == 1500
    assert not parsed_pipeline(sums).solids[0].HasField("timeout")


def test_pipeline() -> None:
    message = parsed_pipeline(sums)
    assert message.name == "locations/etl/repositories/everything/pipelines/sums"
    assert (message.description, dict(message.tags)) == ("Sums.", {"team": "a"})
    assert (message.source.file, message.source.line > 0) == (__file__, True)
    first, both = message.solids
    assert (first.name, first.definition, first.description) == ("read", "read", "Reads.")
    assert (both.name, both.definition, dict(both.tags)) == ("both", "total", {"kind": "sum"})
    assert both.source.file == __file__
    assert list(both.inputs) == [
        definitions_pb2.Input(
            name="values",
            type="list[int]",
            description="All.",
            sources=[
                definitions_pb2.OutputReference(solid="read", output="a"),
                definitions_pb2.OutputReference(solid="read", output="b"),
            ],
        ),
    ]
    assert list(first.outputs) == [
        definitions_pb2.Output(name="a", type="int", description="First.", is_required=True),
        definitions_pb2.Output(name="b", type="Any"),
    ]


def test_config_fields() -> None:
    path, deep = parsed_pipeline(sums).solids[0].config_fields
    assert (path.name, path.type, path.is_required) == ("path", "str", True)
    assert not path.HasField("default_value")
    assert (deep.name, deep.type, deep.is_required) == ("deep", "dict", False)
    (rows,) = deep.fields
    assert (rows.type, rows.is_required) == ("list[dict]", False)
    assert [field.name for field in rows.fields] == ["a"]
    assert rows.default_value.HasField("list_value")
    assert not rows.default_value.list_value.values


class Frame:
    def __repr__(self) -> str:
        return "Frame()"


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        (None, None),
        (3, 3),
        ({"a": [1.5, "x", True, None]}, {"a": [1.5, "x", True, None]}),
        (Frame(), "Frame()"),
        ({"a": Frame()}, "{'a': Frame()}"),
        ((1, 2), "(1, 2)"),
        ({1: 2}, "{1: 2}"),
        (float("nan"), "nan"),
        (10**400, None),
        (2**53 + 1, "9007199254740993"),
        ("\udc80", "'\\udc80'"),
        ({1, 2}, "{1, 2}"),
    ],
)
def test_default_values(default: object, shown: object) -> None:
    @solid(config_schema={"it": Field(Any, default=default)})
    def configured(context: SolidContext) -> None: ...

    @pipeline
    def p() -> None:
        configured()

    value = parsed_pipeline(p).solids[0].config_fields[0].default_value
    found = json_format.MessageToDict(value)
    if default == 10**400:
        assert str(found).startswith("10000")
    else:
        assert found == shown


def test_empty_pipeline() -> None:
    assert parsed_pipeline(PipelineDefinition("empty", [])).solids == []


def test_presets() -> None:
    preset = PresetDefinition(
        "local", {"solids": {"a": {}}}, solids=["*a"], tags={"b": "c"}, description="Few rows."
    )

    @solid
    def a() -> None: ...

    described = parsed_pipeline(PipelineDefinition("p", [SolidNode(a)], presets=[preset]))
    (found,) = described.presets
    assert (found.name, found.description, list(found.solids)) == ("local", "Few rows.", ["*a"])
    assert json_format.MessageToDict(found.run_config) == {"solids": {"a": {}}}
    assert (dict(found.tags), found.source.file) == ({"b": "c"}, __file__)


def test_kinds_of_config() -> None:
    @solid(config_schema={"modes": [Enum("Mode", ["fast", "safe"])], "to": Selector({"s3": str})})
    def fields() -> None: ...

    @solid(config_schema=Field(int, default=3, description="Rows."))
    def whole() -> None: ...

    both = PipelineDefinition("p", [SolidNode(fields), SolidNode(whole)])
    first, second = parsed_pipeline(both).solids
    modes, to = first.config_fields
    assert (modes.type, list(modes.enum_values), modes.is_selector) == (
        "list[Mode]",
        ["fast", "safe"],
        False,
    )
    assert (to.type, to.is_selector, to.is_required) == ("selector", True, True)
    assert [(one.name, one.type) for one in to.fields] == [("s3", "str")]
    assert not first.HasField("config")
    assert not second.config_fields
    assert (second.config.name, second.config.type) == ("config", "int")
    assert (second.config.default_value.number_value, second.config.description) == (3, "Rows.")
