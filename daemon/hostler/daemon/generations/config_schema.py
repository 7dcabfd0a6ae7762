"""JSON Schema of a pipeline's run config, for editors: what `described_pipeline` checks.

A schema cannot say all: which numbers are exact, and that a mapping in which everything may be left
out may be null. It refuses nothing that the check takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostler.definitions._annotations import config_type_of
from hostler.definitions.config import ConfigType, Field, ListType, MappingType, ScalarType
from hostler.definitions.config_kinds import Enum, Selector, WholeType
from hostler.definitions.source import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: {env: NAME}, which the run's process reads from its environment.
_VARIABLE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"env": {"type": "string", "minLength": 1}},
    "required": ["env"],
}

_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


def config_schema(pipeline: PipelineDefinition) -> dict[str, Any]:
    """Returns the schema of the run configs of a pipeline, or of a part of it."""
    sections = {"solids": _mapping({node.name: _solid(node) for node in pipeline.nodes})}
    if pipeline.resources:
        sections["resources"] = _resources(pipeline)
    schema = {
        "$schema": _DIALECT,
        "title": f"The run config of {pipeline.name}",
        **_mapping(sections),
    }
    if pipeline.description:
        schema["description"] = pipeline.description
    return schema


def _solid(node: SolidNode) -> dict[str, Any]:
    """Returns the schema of the section of one solid."""
    inputs, required = {}, []
    for one in node.definition.inputs:
        if one.name in node.sources:
            continue
        kind = config_type_of(one.type_name)
        if kind is None and not one.has_default:
            continue
        inputs[one.name] = _with_text(_value(kind or ConfigType()), one.description)
        if one.has_default:
            inputs[one.name] = _or_null(inputs[one.name])
        else:
            required.append(one.name)
    sections = {"inputs": _object(inputs, required)}
    needed = ["inputs"] if required else []
    return _with_text(
        _configured(node.definition.config, sections, needed), node.definition.description
    )


def _resources(pipeline: PipelineDefinition) -> dict[str, Any]:
    """Returns the schema of the resources; what no solid requires may be left out."""
    required = {name for node in pipeline.nodes for name in node.definition.required_resources}
    found = {
        name: _with_text(_configured(one.config, {}, []), one.description)
        for name, one in pipeline.resources.items()
    }
    return _object(
        found, [name for name in found if "required" in found[name] and name in required]
    )


def _configured(
    kind: ConfigType, sections: dict[str, dict[str, Any]], needed: list[str]
) -> dict[str, Any]:
    """Returns the schema of a section that has a config beside others."""
    if isinstance(kind, WholeType):
        config, is_needed = _field(kind.field), kind.field.is_required
    else:
        config = _fields(kind.fields)
        is_needed = "required" in config
    return _object({"config": config, **sections}, [*(["config"] if is_needed else []), *needed])


def _mapping(sections: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns the schema of a mapping; what is required are the sections that require something."""
    return _object(sections, [name for name, each in sections.items() if "required" in each])


def _fields(fields: Mapping[str, Field]) -> dict[str, Any]:
    properties = {name: _field(each) for name, each in fields.items()}
    return _object(properties, [name for name, each in fields.items() if each.is_required])


def _object(properties: Mapping[str, dict[str, Any]], required: list[str]) -> dict[str, Any]:
    """Returns the schema of a mapping; one that requires nothing may be null, as YAML writes it."""
    schema: dict[str, Any] = {
        "type": "object" if required else ["object", "null"],
        "additionalProperties": False,
        "properties": dict(properties),
    }
    if required:
        schema["required"] = required
    return schema


def _field(field: Field) -> dict[str, Any]:
    schema = _with_text(_value(field.type), field.description)
    if field.default is not MISSING:
        schema["default"] = field.default
        if field.default is None:
            schema = _or_null(schema)
    return schema


def _value(kind: ConfigType) -> dict[str, Any]:
    if isinstance(kind, ListType):
        return {"type": "array", "items": _value(kind.item)}
    if isinstance(kind, Enum):
        return _or_environment({"type": "string", "enum": list(kind.values)})
    if isinstance(kind, Selector):
        choices = {name: _field(each) for name, each in kind.fields.items()}
        schema = _object(choices, [])
        return {**schema, "type": "object", "minProperties": 1, "maxProperties": 1}
    if isinstance(kind, MappingType):
        schema = _fields(kind.fields)
        schema["type"] = "object"
        return schema
    if not isinstance(kind, ScalarType):
        return {}
    schema = {"type": _TYPES[kind.name]}
    return schema if kind.python_type in (list, dict) else _or_environment(schema)


def _or_environment(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of a scalar, in whose place a run config may name a variable."""
    return {"anyOf": [schema, _VARIABLE]}


def _with_text(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, **schema} if description else schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "type" not in schema or isinstance(schema["type"], list):
        return schema
    return {**schema, "type": [schema["type"], "null"]}
