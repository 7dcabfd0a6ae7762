"""Definitions in the canonical JSON of the messages of hostler.v1 (definitions.proto)."""

from __future__ import annotations

import json

from hostler.host.wire import dump, pack_definition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Mapping, Sequence

    from hostler.definitions import (
        InputDefinition,
        OutputDefinition,
        PartitionSetDefinition,
        PipelineDefinition,
        PresetDefinition,
        RepositoryDefinition,
        ResourceDefinition,
        RetryPolicy,
        ScheduleDefinition,
        SolidNode,
    )
    from hostler.definitions._definition_collection import DefinitionCollection
    from hostler.definitions.config import ConfigType, Field
    from hostler.definitions.graph import OutputReference
    from hostler.definitions.source import SourcePosition

    Describe = Callable[[str, str, Any], Dict[str, Any]]


def pack(location: str, repositories: Iterable[RepositoryDefinition]) -> bytes:
    """Describes the definitions of repositories as lines of JSON, for the item of a LOAD's answer.

    The first line is [{"repository": hostler.v1.Repository, "definitions": {field of Repository:
    [name, ...]}}, ...], with the names of the definitions that are constructed already. Each of
    these has a line of its own, in that order, so that a reader parses only the lines that it
    needs; see `wire.pack_definition`.
    """
    heads: list[dict[str, Any]] = []
    lines = [b""]
    for repository in repositories:
        constructed = describe_constructed(location, repository)
        heads.append(
            {
                "repository": describe_repository(location, repository),
                "definitions": {field: list(named) for field, named in constructed.items()},
            }
        )
        lines += [pack_definition(one) for named in constructed.values() for one in named.values()]
    lines[0] = dump(heads)
    return b"\n".join(lines)


def describe_repository(location: str, repository: RepositoryDefinition) -> dict[str, Any]:
    """Describes a repository as hostler.v1.Repository; constructs nothing."""
    parent = f"locations/{location}/repositories/{repository.name}"
    schedules = _summaries(repository.schedules, f"{parent}/schedules", _schedule_summary)
    sets = _summaries(repository.partition_sets, f"{parent}/partitionSets", _set_summary)
    return {
        "name": parent,
        "description": repository.description,
        "pipelines": _summaries(repository.pipelines, f"{parent}/pipelines", _pipeline_summary),
        **({"schedules": schedules} if schedules else {}),
        **({"partitionSets": sets} if sets else {}),
        **_source(repository.source),
    }


def describe_constructed(
    location: str, repository: RepositoryDefinition
) -> dict[str, dict[str, dict[str, Any]]]:
    """Describes the constructed definitions, by the fields of hostler.v1.Repository and by name."""
    return {
        field: {
            name: describe(location, repository.name, definition)
            for name, definition in collection.constructed().items()
        }
        for field, collection, describe in _collections(repository)
    }


def describe_definition(
    location: str, repository: RepositoryDefinition, field: str, name: str
) -> dict[str, Any]:
    """Describes a definition; constructs a lazy one.

    Args:
        field: of hostler.v1.Repository, which says the kind: "schedules".

    Raises:
        Exception: whatever the function raises that constructs it.
        LookupError: no kind has this field.
    """
    for known, collection, describe in _collections(repository):
        if known == field:
            return describe(location, repository.name, collection.get(name))
    raise LookupError(f"unknown kind of definition {field!r}")


def _collections(
    repository: RepositoryDefinition,
) -> list[tuple[str, DefinitionCollection[Any], Describe]]:
    return [
        ("pipelines", repository.pipelines, describe_pipeline),
        ("schedules", repository.schedules, describe_schedule),
        ("partitionSets", repository.partition_sets, describe_partition_set),
    ]


def _summaries(
    collection: DefinitionCollection[Any],
    parent: str,
    summarize: Callable[[Any, str], dict[str, Any]],
) -> list[dict[str, Any]]:
    constructed = collection.constructed()
    return [
        {
            "name": f"{parent}/{name}",
            # Also where a worker has constructed it since: the answer is the same on each reading.
            **(
                {"lazy": True} if collection.is_lazy(name) else summarize(constructed[name], parent)
            ),
        }
        for name in collection.names
    ]


def _pipeline_summary(pipeline: PipelineDefinition, _: str) -> dict[str, Any]:
    return {"description": pipeline.description, "solidCount": len(pipeline.nodes)}


def _schedule_summary(schedule: ScheduleDefinition, parent: str) -> dict[str, Any]:
    return {
        "description": schedule.description,
        "cronSchedule": schedule.cron_schedule,
        "executionTimezone": schedule.execution_timezone,
        "pipeline": _beside(parent, schedule.pipeline_name),
        **_tick_policy(schedule),
    }


def _tick_policy(schedule: ScheduleDefinition) -> dict[str, Any]:
    """Describes what becomes of the ticks, as hostler.v1.TickPolicy; nothing for the defaults."""
    from hostler.definitions.schedules import MAX_CATCH_UP, TICK_PATIENCE

    policy: dict[str, Any] = {}
    if schedule.default_status == "running":
        policy["isRunningByDefault"] = True
    if schedule.catch_up != "latest":
        policy["catchUp"] = schedule.catch_up.upper()
    if schedule.max_catch_up != MAX_CATCH_UP:
        policy["maxCatchUp"] = schedule.max_catch_up
    if schedule.max_retries:
        policy["maxRetries"] = schedule.max_retries
    if schedule.tick_patience != TICK_PATIENCE:
        policy["patience"] = duration(schedule.tick_patience)
    if schedule.overlap != "queue":
        policy["overlap"] = schedule.overlap.upper()
    return {"tickPolicy": policy} if policy else {}


def _set_summary(partition_set: PartitionSetDefinition, parent: str) -> dict[str, Any]:
    return {
        "description": partition_set.description,
        "pipeline": _beside(parent, partition_set.pipeline_name),
    }


def _beside(collection: str, pipeline: str) -> str:
    """Returns the resource name of a pipeline in the repository of another collection."""
    return f"{collection.rpartition('/')[0]}/pipelines/{pipeline}"


def describe_pipeline(
    location: str, repository_name: str, pipeline: PipelineDefinition
) -> dict[str, Any]:
    """Describes a pipeline as hostler.v1.Pipeline."""
    presets = [_preset(one) for one in pipeline.presets.values()]
    resources = [_resource(name, one) for name, one in pipeline.resources.items()]
    parent = f"locations/{location}/repositories/{repository_name}"
    return {
        "name": f"{parent}/pipelines/{pipeline.name}",
        "description": pipeline.description,
        "tags": pipeline.tags,
        "solids": [_solid(node) for node in pipeline.nodes],
        **({"presets": presets} if presets else {}),
        **({"resources": resources} if resources else {}),
        **_source(pipeline.source),
    }


def _resource(name: str, resource: ResourceDefinition) -> dict[str, Any]:
    return {
        "name": name,
        "description": resource.description,
        **_config(resource.config),
        **_source(resource.source),
    }


def _preset(preset: PresetDefinition) -> dict[str, Any]:
    return {
        "name": preset.name,
        "description": preset.description,
        "runConfig": preset.run_config,
        "solids": preset.solids,
        "tags": preset.tags,
        **_source(preset.source),
    }


def describe_schedule(
    location: str, repository_name: str, schedule: ScheduleDefinition
) -> dict[str, Any]:
    """Describes a schedule as hostler.v1.Schedule."""
    parent = f"locations/{location}/repositories/{repository_name}/schedules"
    return {
        "name": f"{parent}/{schedule.name}",
        **_schedule_summary(schedule, parent),
        "runConfig": schedule.run_config,
        "tags": schedule.tags,
        "environmentVars": schedule.environment_vars,
        "computesRunConfig": schedule.run_config_fn is not None,
        "computesTags": schedule.tags_fn is not None,
        "computesShouldExecute": schedule.should_execute is not None,
        **_source(schedule.source),
    }


def describe_partition_set(
    location: str, repository_name: str, partition_set: PartitionSetDefinition
) -> dict[str, Any]:
    """Describes a partition set as hostler.v1.PartitionSet; asks for no partitions."""
    parent = f"locations/{location}/repositories/{repository_name}/partitionSets"
    return {
        "name": f"{parent}/{partition_set.name}",
        **_set_summary(partition_set, parent),
        "computesRunConfig": partition_set.run_config_fn_for_partition is not None,
        "computesTags": partition_set.tags_fn_for_partition is not None,
        **_source(partition_set.source),
    }


# What has its default in the message is left out below: there are hundreds of these, and a sixth of
# what a load has to say would be empty.


def _solid(node: SolidNode) -> dict[str, Any]:
    definition = node.definition
    described: dict[str, Any] = {"name": node.name, "definition": definition.name}
    if definition.description:
        described["description"] = definition.description
    if definition.inputs:
        described["inputs"] = [_input(one, node.sources.get(one.name)) for one in definition.inputs]
    if definition.outputs:
        described["outputs"] = [_output(one) for one in definition.outputs]
    described.update(_config(definition.config))
    if node.tags:
        described["tags"] = node.tags
    if definition.source is not None:
        described.update(_source(definition.source))
    if definition.retry_policy.max_retries:
        described["retryPolicy"] = _retry_policy(definition.retry_policy)
    if definition.required_resources:
        described["requiredResources"] = definition.required_resources
    if definition.timeout is not None:
        described["timeout"] = duration(definition.timeout)
    return described


def _input(one: InputDefinition, feeding: Sequence[OutputReference] | None) -> dict[str, Any]:
    described: dict[str, Any] = {"name": one.name, "type": one.type_name}
    if one.description:
        described["description"] = one.description
    if feeding:
        described["sources"] = [{"solid": each.solid, "output": each.output} for each in feeding]
    if one.has_default:
        described["hasDefault"] = True
    return described


def _output(one: OutputDefinition) -> dict[str, Any]:
    described: dict[str, Any] = {"name": one.name, "type": one.type_name}
    if one.description:
        described["description"] = one.description
    if one.is_required:
        described["isRequired"] = True
    return described


def _retry_policy(policy: RetryPolicy) -> dict[str, Any]:
    return {
        "maxRetries": policy.max_retries,
        "delay": duration(policy.delay),
        "backoff": policy.backoff.upper(),
    }


def duration(seconds: float) -> str:
    """Returns seconds as google.protobuf.Duration."""
    return f"{seconds:.6f}s"


def _config(schema: ConfigType) -> dict[str, Any]:
    """Describes the schema of a config: its fields, or the one value that it is."""
    whole: Field | None = getattr(schema, "field", None)
    if whole is not None:
        return {"config": _config_field("config", whole)}
    return {"configFields": _config_fields(schema.fields)} if schema.fields else {}


def _config_fields(fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    return [_config_field(name, field) for name, field in fields.items()]


def _config_field(name: str, field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "type": field.type.name}
    if field.description:
        described["description"] = field.description
    if field.is_required:
        described["isRequired"] = True
    if field.type.fields:
        described["fields"] = _config_fields(field.type.fields)
    if field.type.values:
        described["enumValues"] = field.type.values
    if field.type.is_selector:
        described["isSelector"] = True
    if field.has_default:
        described["defaultValue"] = _json_value(field.default)
    return described


def _json_value(value: object) -> object:
    """Returns the value if google.protobuf.Value can hold it, else its preview."""
    from hostler.definitions._preview import preview

    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")  # a lone surrogate is refused by protobuf
        plain = json.loads(text, parse_int=_exact_int)
    except (TypeError, ValueError, RecursionError):
        return preview(value)
    # Tuples, and keys that are no strings, come back as something else.
    return plain if plain == value else preview(value)


def _exact_int(digits: str) -> int:
    """Returns the number if a double can hold it, the only number that a Value has."""
    number = int(digits)
    if abs(number) > 2**53:
        raise ValueError(f"{digits} does not fit a double")
    return number


def _source(source: SourcePosition | None) -> dict[str, Any]:
    return {} if source is None else {"source": {"file": source.file, "line": source.line}}
