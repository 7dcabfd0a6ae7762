"""The scaffold of a run config: what a pipeline requires, to be filled in, and what it may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from google.protobuf.json_format import MessageToDict

from hostler.cli.text.run_requests import exact_numbers
from hostler.client.names import parse_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostler.v1.definitions_pb2 import ConfigField, Input, Pipeline, Resource, Solid

_SCALARS = {"str": '""', "int": "0", "float": "0.0", "bool": "false", "dict": "{}", "list": "[]"}
_LISTS = ("list", "List", "Sequence")
_MAPPINGS = ("Dict", "Mapping")
_ANYTHING = ("Any", "None", "NoneType")

#: What a default has to be, to be one of the type: another one is a text that describes it.
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "dict": dict,
    "list": list,
}


#: Ends the comment of an empty dict that is required, before its keys, which are all optional.
IN_PLACE = "In place of {}:"


class _Node(NamedTuple):
    """A key of a run config.

    Attributes:
        value: what is written behind it, where it has no children.
        lists: how many lists are around its children.
    """

    name: str
    is_required: bool
    value: str = ""
    children: tuple[_Node, ...] = ()
    lists: int = 0
    comment: str = ""


def scaffold_lines(pipeline: Pipeline) -> Iterator[str]:
    """Yields a run config as YAML: what is required with a value of its type, the rest commented.

    Without a "# " at its beginning, each commented line becomes one of the config, but for those
    below a line that ends with `IN_PLACE`, which are for those who replace its value.
    """
    path = parse_pipeline(pipeline.name)
    yield f"# A run config of pipeline {path.pipeline}, for: hostler pipeline execute -c FILE"
    sections = [
        _section("solids", map(_solid, pipeline.solids)),
        _section("resources", map(_resource, pipeline.resources)),
    ]
    roots = [one for one in sections if one.children]
    if not roots:
        yield "# It takes none."
        return
    if any(root.is_required for root in roots):
        yield "# Replace the values; the lines that begin with # are optional."
    else:
        yield "# Nothing is required; take the # from the lines that are to count."
    yield from _lines(roots, everything=False)


def _section(name: str, children: Iterable[_Node]) -> _Node:
    """Returns a key that stands for its children alone."""
    kept = tuple(child for child in children if child.children or child.value)
    return _Node(name, any(child.is_required for child in kept), children=kept)


def _solid(solid: Solid) -> _Node:
    inputs = (_input(one) for one in solid.inputs if not one.sources)
    return _section(solid.name, [_config(solid), _section("inputs", inputs)])


def _resource(resource: Resource) -> _Node:
    return _section(resource.name, [_config(resource)])


def _config(of: Solid | Resource) -> _Node:
    if of.HasField("config"):
        return _field(of.config)
    return _section("config", map(_field, of.config_fields))


def _input(one: Input) -> _Node:
    value = _placeholder(one.type)
    if one.has_default:  # of another type it comes from the default alone
        return _Node(one.name, False, value or "", comment=_comment(one.type, "has a default", one))
    return _Node(one.name, True, value or "null", comment=_comment(one.type, "required", one))


def _field(field: ConfigField) -> _Node:
    children = tuple(map(_field, field.fields))
    value = _placeholder(field.type) or "null"
    if field.enum_values and "[" not in field.type:
        value = _scalar(field.enum_values[0])
    if field.is_selector:  # exactly one of them
        children = children[:1]
    needed = "required" if field.is_required else "optional"
    if field.HasField("default_value"):
        default = exact_numbers(MessageToDict(field.default_value))
        needed = "default"
        expected = _PYTHON_TYPES.get(field.type.partition("[")[0], object)
        if default is None or isinstance(default, expected):
            value, children = _scalar(default), ()
        else:
            needed = f"default: {default}"
    return _Node(
        field.name,
        field.is_required,
        value,
        children,
        field.type.count("list["),
        _comment(field.type, needed, field),
    )


def _comment(type_name: str, needed: str, of: Input | ConfigField) -> str:
    words = f"{type_name}, {needed}" + (f". {of.description}" if of.description else "")
    return "".join(char if char.isprintable() else "?" for char in " ".join(words.split()))


def _lines(nodes: Iterable[_Node], *, everything: bool) -> Iterator[str]:
    """Yields the lines of the nodes; those of optional ones as comments, unless `everything`."""
    for node in nodes:
        if everything or node.is_required:
            yield from _node_lines(node, everything=everything)
        else:
            for line in _node_lines(node, everything=True):
                yield f"# {line}"


def _node_lines(node: _Node, *, everything: bool) -> Iterator[str]:
    key = f"{_scalar(node.name)}:"
    comment = f"  # {node.comment}" if node.comment else ""
    if not node.children:
        yield f"{key} {node.value}{comment}"
        return
    if everything or any(child.is_required for child in node.children):
        yield f"{key}{comment}"
        yield from _inner_lines(node, "  ", everything=everything)
    else:
        yield f"{key} {'[' * node.lists}{{}}{']' * node.lists}{comment}. {IN_PLACE}"
        yield from _inner_lines(node, "  # ", everything=True)


def _inner_lines(node: _Node, indent: str, *, everything: bool) -> Iterator[str]:
    """Yields the lines of a node's children; in a list, as its first item."""
    children = sorted(node.children, key=lambda child: not child.is_required and node.lists > 0)
    marks = "- " * node.lists  # before the first line, which is therefore no comment
    for line in _lines(children, everything=everything):
        yield indent + marks + line
        marks = " " * len(marks)


def _scalar(value: Any) -> str:
    """Returns a value as YAML in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _placeholder(type_name: str) -> str | None:
    """Returns a value of a type, as YAML; None for a type that no config can give."""
    first = next(_split(type_name, "|"))
    if first != type_name.strip():
        return _placeholder(first)
    base, bracket, rest = first.partition("[")
    base = base.rpartition(".")[2].strip()
    if not bracket and base in _SCALARS:
        return _SCALARS[base]
    if base in _ANYTHING:
        return "null"
    if base in (*_MAPPINGS, "dict"):
        return "{}"
    argument = next(_split(rest.removesuffix("]"), ","))
    if base in _LISTS:
        item = _placeholder(argument) if argument else ""
        return None if item is None else f"[{item}]"
    return _placeholder(argument) if base in ("Optional", "Union") else None


def _split(text: str, separator: str) -> Iterator[str]:
    """Yields the parts of a text between separators that stand in no bracket."""
    depth = start = 0
    for at, char in enumerate(text):
        depth += (char in "[(") - (char in "])")
        if char == separator and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()
