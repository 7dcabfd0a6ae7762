"""Executes pipelines as a run process does, and keeps the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from hostler.definitions import (
    PipelineDefinition,
    SolidDefinition,
    pipeline,
)
from hostler.host.execution import ExecutionResult, execute
from hostler.v1 import run_pb2

if TYPE_CHECKING:
    pass

Event = tuple[str, "str | None", dict[str, Any]]


def executed(
    made: PipelineDefinition, run_config: Any = None
) -> tuple[ExecutionResult, list[Event]]:
    """Returns the result and the events; each event is a RunEvent in protobuf's JSON."""
    events: list[Event] = []

    def emit(event: str, step: str | None, data: dict[str, Any]) -> None:
        message = json_format.ParseDict({"step": step, event: data}, run_pb2.RunEvent())
        assert message.WhichOneof("event") == event
        events.append((event, step, data))

    return execute(made, run_config, "run7", emit, {"by": "me"}), events


def executed_alone(function: Any, **arguments: Any) -> tuple[ExecutionResult, list[Event]]:
    """Executes a pipeline of one solid, named "it"; returns the result and the events."""
    made: SolidDefinition[Any] = SolidDefinition(function, name="it", **arguments)

    def alone() -> None:
        made()

    return executed(pipeline(alone))


def failure_of(function: Any, **arguments: Any) -> str:
    """Returns the message with which a solid fails."""
    result, events = executed_alone(function, **arguments)
    assert not result.succeeded
    assert result.failed_step == "it"
    assert result.exception is not None
    assert events[-1] == ("step_failed", "it", {"exception": result.exception})
    return f"{result.exception['type']}: {result.exception['message']}"


def outputs_of(function: Any, **arguments: Any) -> dict[str, str]:
    """Returns the previews of what a solid produces."""
    result, events = executed_alone(function, **arguments)
    assert result.succeeded
    return {data["output"]: data["preview"] for name, _, data in events if name == "step_output"}
