"""Pipelines: a row of a table, and a pipeline in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from google.protobuf.json_format import MessageToJson

from hostler.cli.terminal.table import Column
from hostler.cli.text.definitions import definition_lines, description_lines
from hostler.cli.text.formats import format_duration, to_seconds
from hostler.cli.text.run_requests import run_config_lines, tags_lines
from hostler.client.names import parse_pipeline
from hostler.v1.definitions_pb2 import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostler.v1.definitions_pb2 import (
        ConfigField,
        Input,
        Output,
        Pipeline,
        PipelineSummary,
        Preset,
        Solid,
    )
    from hostler.v1.repository_pb2 import ValidateRunConfigResponse

COLUMNS = (
    Column("PIPELINE"),
    Column("REPOSITORY"),
    Column("LOCATION"),
    Column("SOLIDS", align_right=True, drop_order=1),
    Column("DESCRIPTION", drop_order=2),
)


def pipeline_row(item: PipelineSummary) -> tuple[str, ...]:
    """Returns a row: pipeline, repository, location, count of solids, description."""
    path = parse_pipeline(item.name)
    solids = "lazy" if item.lazy else str(item.solid_count)
    summary = item.description.partition("\n")[0]
    return (path.pipeline, path.repository, path.location, solids, summary)


def pipeline_lines(pipeline: Pipeline) -> Iterator[str]:
    """Yields the pipeline's place and description, then each solid with what it takes and gives."""
    yield from definition_lines(pipeline.name, pipeline.source)
    if pipeline.tags:
        yield "  tags: " + ", ".join(f"{key}={value}" for key, value in pipeline.tags.items())
    yield from description_lines(pipeline.description)
    for resource in pipeline.resources:
        yield "  " + _described(f"resource {resource.name}", resource.description)
        fields = [resource.config] if resource.HasField("config") else resource.config_fields
        yield from _config_lines(fields, "    ")
    for preset in pipeline.presets:
        yield from _preset_lines(preset)
    for solid in pipeline.solids:
        yield ""
        yield from _solid_lines(solid)


def _preset_lines(preset: Preset) -> Iterator[str]:
    yield "  " + _described(f"preset {preset.name}", preset.description)
    if preset.solids:
        yield "    solids: " + ", ".join(preset.solids)
    yield from tags_lines(preset.tags, "    ")
    yield from run_config_lines(preset.run_config, "    ")


def _solid_lines(solid: Solid) -> Iterator[str]:
    alias = f" ({solid.definition})" if solid.definition not in {"", solid.name} else ""
    yield click.style(solid.name, bold=True) + alias
    yield from description_lines(solid.description)
    if solid.tags:
        yield "  tags: " + ", ".join(f"{key}={value}" for key, value in solid.tags.items())
    if solid.HasField("retry_policy"):
        yield f"  {_retries(solid.retry_policy)}"
    if solid.HasField("timeout"):
        yield f"  killed after {format_duration(to_seconds(solid.timeout))}"
    if solid.required_resources:
        yield "  requires " + ", ".join(solid.required_resources)
    for item in solid.inputs:
        yield f"  in   {_input(item)}"
    for output in solid.outputs:
        yield f"  out  {_output(output)}"
    if solid.HasField("config"):
        yield from _config_lines([solid.config], "  ")
    if solid.config_fields:
        yield "  config"
        yield from _config_lines(solid.config_fields, "    ")


def _retries(policy: RetryPolicy) -> str:
    times = "once" if policy.max_retries == 1 else f"{policy.max_retries} times"
    delay = to_seconds(policy.delay)
    if not delay:
        return f"retried up to {times}"
    backoff = RetryPolicy.Backoff.Name(policy.backoff).lower()
    return f"retried up to {times}, after {format_duration(delay)} ({backoff})"


def _input(item: Input) -> str:
    text = f"{item.name}: {item.type}"
    if item.sources:
        text += " <- " + ", ".join(f"{source.solid}.{source.output}" for source in item.sources)
    elif item.has_default:
        text += " (has a default)"
    return _described(text, item.description)


def _output(output: Output) -> str:
    text = f"{output.name}: {output.type}" + ("" if output.is_required else " (optional)")
    return _described(text, output.description)


def _config_lines(fields: Iterable[ConfigField], indent: str) -> Iterator[str]:
    for field in fields:
        text = f"{field.name}: {field.type}{_choices(field)}"
        if field.HasField("default_value"):
            text += f" = {_default(field)}"
        elif not field.is_required:
            text += " (optional)"
        yield indent + _described(text, field.description)
        yield from _config_lines(field.fields, indent + "  ")


def _default(field: ConfigField) -> str:
    value = field.default_value
    # A Value holds every number as a double, and would print 3 as 3.0.
    if field.type == "int" and value.HasField("number_value"):
        return str(int(value.number_value))
    return MessageToJson(value, indent=None, ensure_ascii=False)


def _choices(field: ConfigField) -> str:
    if field.enum_values:
        return " (" + ", ".join(field.enum_values) + ")"
    return " (one of)" if field.is_selector else ""


def _described(text: str, description: str) -> str:
    return f"{text}  - {description.partition(chr(10))[0]}" if description else text


def problem_lines(found: ValidateRunConfigResponse) -> Iterator[str]:
    """Yields each problem of a launch, after its place; a remark where there may be more."""
    for problem in found.problems:
        place = problem.path or ("solids" if problem.field == "solids" else "run config")
        yield f"{place}: {problem.message}"
    if found.truncated:
        yield f"... there may be more; these are the first {len(found.problems)}"
