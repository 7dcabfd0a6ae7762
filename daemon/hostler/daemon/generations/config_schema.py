"""JSON Schema of a pipeline's run config, for editors: what `described_pipeline` checks.

A schema cannot say all: which numbers are exact, and that a mapping in which everything may be left
out may be null. It refuses nothing that the check takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostler.definitions._annotations import config_type_of
from hostler.definitions.config import ConfigType, Field, ListType, MappingType, ScalarType
from hostler.definitions.source import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

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
    solids = {node.name: _solid(node) for node in pipeline.nodes}
    schema = {
        "$schema": _DIALECT,
        "title": f"The run config of {pipeline.name}",
        **_mapping({"solids": _mapping(solids)}),
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
    sections = {
        "config": _fields(node.definition.config.fields),
        "inputs": _object(inputs, required),
    }
    return _with_text(_mapping(sections), node.definition.description)


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
    if isinstance(kind, MappingType):
        schema = _fields(kind.fields)
        schema["type"] = "object"
        return schema
    return {"type": _TYPES[kind.name]} if isinstance(kind, ScalarType) else {}


def _with_text(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, **schema} if description else schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" not in schema or isinstance(schema["type"], list):
        return schema
    return {**schema, "type": [schema["type"], "null"]}
