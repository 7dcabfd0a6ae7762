"""The JSON Schema of workspace.yaml, for editors; made from the grammar.

`python -m hostler.daemon.workspace.grammar.schema` prints it.
"""

from __future__ import annotations

import json
import sys
from inspect import cleandoc
from typing import Any

from hostler.daemon.workspace.grammar.declaration import DOCUMENT, keys_of
from hostler.daemon.workspace.grammar.kinds import (
    Boolean,
    Choice,
    Dictionary,
    Key,
    Kind,
    Number,
    Record,
    RecordList,
    Scalar,
    Size,
    Text,
    TextList,
    Verbatim,
)

Schema = dict[str, Any]

_REFERENCE = "variable"
_REFERENCE_SCHEMA: Schema = {
    "description": "The value of a variable of hostler's own environment, in place of a scalar.",
    "type": "object",
    "properties": {"env": {"type": "string", "minLength": 1}},
    "required": ["env"],
    "additionalProperties": False,
}


def workspace_schema() -> Schema:
    """Returns the schema, draft 2020-12."""
    records: dict[type, Schema] = {}
    root = _record(DOCUMENT, records)
    definitions = {_name(model): schema for model, schema in records.items()}
    definitions[_REFERENCE] = _REFERENCE_SCHEMA
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hostler workspace.yaml",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def render() -> str:
    """Returns the schema as config/workspace.schema.json has it."""
    return json.dumps(workspace_schema(), indent=2, ensure_ascii=False) + "\n"


def _record(kind: Record, records: dict[type, Schema]) -> Schema:
    keys = keys_of(kind.model)
    schema: Schema = {
        "description": cleandoc(kind.model.__doc__ or ""),
        "type": "object",
        "properties": {name: _key(declared.key, records) for name, declared in keys.items()},
        "additionalProperties": False,
    }
    if required := [name for name, declared in keys.items() if declared.required]:
        schema["required"] = required
    if kind.single:
        schema |= {"minProperties": 1, "maxProperties": 1}
    return schema


def _key(key: Key, records: dict[type, Schema]) -> Schema:
    schema = {"description": key.description, **_kind(key.kind, records)}
    return schema if key.default is None else {**schema, "default": key.default}


def _kind(kind: Kind, records: dict[type, Schema]) -> Schema:
    match kind:
        case Record():
            return _reference_to(kind, records)
        case RecordList():
            return {"type": "array", "items": _reference_to(kind.item, records)}
        case Dictionary():
            return {
                "type": "object",
                "propertyNames": _scalar(kind.name),
                "additionalProperties": _or_variable(kind.value),
            }
        case TextList():
            item = _or_variable(kind.item)
            return {"anyOf": [*item["anyOf"], {"type": "array", "items": item}]}
        case _:
            return _or_variable(kind)


def _reference_to(kind: Record, records: dict[type, Schema]) -> Schema:
    if kind.model not in records:
        records[kind.model] = {}  # holds the place: a record may be reached again from itself
        records[kind.model] = _record(kind, records)
    reference: Schema = {"$ref": f"#/$defs/{_name(kind.model)}"}
    if not kind.short:
        return reference
    scalar = keys_of(kind.model)[kind.short].key
    return {"anyOf": [*_kind(scalar.kind, records)["anyOf"], reference]}


def _or_variable(kind: Scalar) -> Schema:
    return {"anyOf": [_scalar(kind), {"$ref": f"#/$defs/{_REFERENCE}"}]}


def _scalar(kind: Scalar) -> Schema:
    match kind:
        case Text():
            schema: Schema = {"type": "string", "minLength": 1, "examples": [kind.example]}
            if kind.pattern:
                schema["pattern"] = kind.pattern
            if kind.max_length is not None:
                schema["maxLength"] = kind.max_length
            return schema
        case Verbatim():
            return {"type": ["string", "number", "boolean"]}
        case Number():
            bound = "exclusiveMinimum" if kind.above else "minimum"
            number = "integer" if kind.integer else "number"
            return {"type": number, bound: kind.minimum, "maximum": kind.maximum}
        case Size():
            return {
                "type": ["string", "integer"],
                "pattern": kind.pattern,
                "minimum": kind.minimum,
                "maximum": kind.maximum,
                "examples": ["512MiB"],
            }
        case Boolean():
            return {"type": "boolean"}
        case Choice():
            return {"enum": list(kind.options)}


def _name(model: type) -> str:
    return "".join(
        "_" + letter.lower() if letter.isupper() else letter for letter in model.__name__
    ).lstrip("_")


if __name__ == "__main__":
    sys.stdout.write(render())
