"""Decodes the nodes of a file into the models of its grammar."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from hostler.daemon.workspace.grammar.declaration import Located, keys_of
from hostler.daemon.workspace.grammar.kinds import (
    Dictionary,
    Kind,
    Record,
    RecordList,
    Scalar,
    TextList,
)
from hostler.daemon.workspace.grammar.scalars import InvalidScalarError, RawScalar, convert
from hostler.daemon.workspace.text.problems import Problem, quote_short

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from hostler.daemon.workspace.text.models import Position
    from hostler.daemon.workspace.text.reading import SourceFile

# Aliases let a small file stand for an endless one; this many values take a second.
_MAX_VALUES = 100_000

_MERGE = "tag:yaml.org,2002:merge"
_VARIABLE_KEY = "env"


class TooManyValuesError(Exception):
    """The file's aliases stand for too many values to decode."""


class _Pair(NamedTuple):
    name: str
    key: yaml.ScalarNode
    value: yaml.Node


class _OpenMapping(NamedTuple):
    """A mapping that is being decoded."""

    name: str
    record: Record


class Decoder:
    """Decodes the nodes of one file; collects what is wrong and goes on.

    Attributes:
        problems: what was refused so far.
    """

    def __init__(self, source: SourceFile, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._environ = environ
        self._values_left = _MAX_VALUES
        self._open_mappings: list[_OpenMapping] = []

    def decode(self, node: yaml.Node, kind: Kind, name: str) -> Any:
        """Returns the value of a node; None where it was refused.

        The value is a `Located` for a scalar, an instance of its model for a record, and a tuple or
        a dict of these for the other kinds.

        Raises:
            TooManyValuesError: the problems that were found until then are kept.
        """
        match kind:
            case Record():
                return self._record(node, kind, name)
            case RecordList():
                return self._record_list(node, kind, name)
            case Dictionary():
                return self._dictionary(node, kind, name)
            case TextList():
                return self._text_list(node, kind, name)
            case _:
                return self._scalar(node, kind, name)

    def refuse(self, node: yaml.Node, message: str) -> None:
        position = self._position(node)
        self.problems.append(self._source.problem(position, message))

    def _position(self, node: yaml.Node) -> Position:
        return self._source.position(node.start_mark)

    def _count_values(self, count: int = 1) -> None:
        self._values_left -= count
        if self._values_left < 0:
            raise TooManyValuesError

    def _scalar(self, node: yaml.Node, kind: Scalar, name: str) -> Located[Any] | None:
        self._count_values()
        position = self._position(node)
        reference = _variable_of(node)
        if reference is not None:
            raw = self._expand_variable(reference)
            if raw is None:
                return None
        elif isinstance(node, yaml.ScalarNode):
            raw = RawScalar.of(node.value, node.tag)
        else:
            self.refuse(
                node, f"cannot read `{name}`: expected {kind.expected}, found {_collection(node)}"
            )
            return None
        try:
            return Located(convert(raw, kind), position, raw.secret)
        except InvalidScalarError as error:
            self.refuse(node, f"cannot read `{name}`: expected {kind.expected}, {error}")
            return None

    def _expand_variable(self, reference: yaml.ScalarNode) -> RawScalar | None:
        variable = reference.value
        if variable in self._environ:
            secret = f"the value of the variable {quote_short(variable)}"
            return RawScalar.of(self._environ[variable], "", secret)
        self.refuse(
            reference,
            f"cannot expand the variable {quote_short(variable)}: it is not set in the environment "
            "of hostler; set it, or write the value here",
        )
        return None

    def _text_list(
        self, node: yaml.Node, kind: TextList, name: str
    ) -> tuple[Located[Any], ...] | None:
        if not isinstance(node, yaml.SequenceNode):
            item = self._scalar(node, kind.item, name)
            return None if item is None else (item,)
        items = [
            self._scalar(item, kind.item, f"{name}[{index}]")
            for index, item in enumerate(node.value)
        ]
        return tuple(item for item in items if item is not None)

    def _record_list(self, node: yaml.Node, kind: RecordList, name: str) -> tuple[Any, ...] | None:
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(
                node,
                f"cannot read `{name}`: expected a list, each item beginning with `- `, "
                f"{_found(node)}",
            )
            return None
        items = [self._record(item, kind.item, f"an item of {name}") for item in node.value]
        return tuple(item for item in items if item is not None)

    def _dictionary(self, node: yaml.Node, kind: Dictionary, name: str) -> dict[str, Any] | None:
        if not isinstance(node, yaml.MappingNode):
            # such as NAME=value, whose value may be a secret
            found = "a text" if isinstance(node, yaml.ScalarNode) else _collection(node)
            self.refuse(node, f"cannot read `{name}`: expected a mapping, found {found}")
            return None
        decoded = {}
        for pair in self._pairs(node, name):
            try:
                convert(RawScalar.of(pair.name, pair.key.tag, _secret_of(pair.name)), kind.name)
            except InvalidScalarError as error:
                self.refuse(
                    pair.key,
                    f"cannot use this key of `{name}`: expected {kind.name.expected}, {error}",
                )
                continue
            value = self._scalar(pair.value, kind.value, pair.name)
            if value is not None:
                decoded[pair.name] = value
        return decoded

    def _record(self, node: yaml.Node, kind: Record, name: str) -> Any:
        keys = keys_of(kind.model)
        before = len(self.problems)
        values: dict[str, Any] = {}
        if kind.short and (isinstance(node, yaml.ScalarNode) or _variable_of(node) is not None):
            values[kind.short] = self.decode(node, keys[kind.short].key.kind, name)
        elif isinstance(node, yaml.MappingNode):
            values = self._record_values(node, kind, name)
        else:
            self.refuse(
                node, f"cannot read {_quoted(name)}: expected {_shape(kind)}, {_found(node)}"
            )
            return None
        missing = [key for key, declared in keys.items() if declared.required and key not in values]
        for key in missing:
            description = keys[key].key.description.partition(". ")[0].rstrip(".")
            self.refuse(
                node,
                f"cannot find the key `{key}` in {_quoted(name)}; add it: "
                f"{description[0].lower()}{description[1:]}",
            )
        is_valid = len(self.problems) == before
        if kind.single and not values and is_valid:
            self.refuse(node, f"cannot read {_quoted(name)}: expected {_shape(kind)}, found none")
            return None
        if any(declared.required and values.get(key) is None for key, declared in keys.items()):
            return None
        return kind.model(position=self._position(node), is_valid=is_valid, **values)

    def _record_values(
        self, node: yaml.MappingNode, kind: Record, name: str
    ) -> dict[str, Any | None]:
        """Returns what each known key holds, also a misspelt one; None where it was refused."""
        keys = keys_of(kind.model)
        values: dict[str, Any | None] = {}
        misspelt: dict[str, None] = {}
        self._open_mappings.append(_OpenMapping(name, kind))
        for pair in self._pairs(node, name):
            if pair.name not in keys:
                self.refuse(pair.key, self._unknown_key(pair.name, kind, values, node))
                misspelt |= dict.fromkeys(_nearest(pair.name, kind))
            elif kind.single and values:
                (first,) = values
                self.refuse(
                    pair.key,
                    f"cannot use `{pair.name}` beside `{first}`: expected one key; begin another "
                    "item with `- ` for another location",
                )
            else:
                values[pair.name] = self.decode(pair.value, keys[pair.name].key.kind, pair.name)
        self._open_mappings.pop()
        return misspelt | values

    def _unknown_key(
        self, name: str, kind: Record, present: Container[str], node: yaml.MappingNode
    ) -> str:
        start = f"cannot use the key {quote_short(name)} in {_quoted(self._open_mappings[-1].name)}"
        if name == "grpc_server":
            return f"{start}: locations that another server runs are not supported yet"
        if inner := _path_to(name, kind, first=present):
            return f"{start}: it belongs inside `{inner}`; {_how_inside(inner, name, kind, node)}"
        for outer in reversed(self._open_mappings[:-1]):
            if name in keys_of(outer.record.model):
                return f"{start}: it belongs in {_quoted(outer.name)}; indent it less"
        if nearest := _nearest(name, kind):
            return f"{start}; did you mean `{nearest[0]}`?"
        if near := _nearest_inside(name, kind, present):
            inner = _path_to(near, kind, first=present)
            advice = _how_inside(inner, near, kind, node)
            return f"{start}; did you mean `{near}`? It belongs inside `{inner}`; {advice}"
        for outer in reversed(self._open_mappings[:-1]):
            if nearest := _nearest(name, outer.record):
                place = _quoted(outer.name)
                return (
                    f"{start}; did you mean `{nearest[0]}`? It belongs in {place}; indent it less"
                )
        known = list(keys_of(kind.model))
        return f"{start}; expected {'one of ' if len(known) > 1 else ''}{', '.join(known)}"

    def _pairs(self, node: yaml.MappingNode, name: str) -> Iterator[_Pair]:
        """Yields the pairs of a mapping, its own first, then those that `<<` merges into it."""
        seen: set[str] = set()
        waiting: list[yaml.Node] = [node]
        while waiting:
            current = waiting.pop()
            if not isinstance(current, yaml.MappingNode):
                self.refuse(
                    current, f"cannot merge with `<<`: expected a mapping, {_found(current)}"
                )
                continue
            for pair in self._own_pairs(current, name):
                if pair.key.tag == _MERGE:
                    value = pair.value
                    merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    self._count_values(len(merged))
                    waiting += reversed(merged)
                elif pair.name not in seen:
                    seen.add(pair.name)
                    yield pair

    def _own_pairs(self, node: yaml.MappingNode, name: str) -> Iterator[_Pair]:
        own: dict[str, yaml.Node] = {}
        for key, value in node.value:
            self._count_values()
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, f"cannot use {_collection(key)} as a key of {_quoted(name)}")
            elif key.value in own:
                first = self._source.place(self._position(own[key.value]))
                self.refuse(
                    key,
                    f"cannot use the key {quote_short(key.value)} twice in {_quoted(name)}: it is "
                    f"already at {first}; remove one",
                )
            else:
                own[key.value] = key
                yield _Pair(key.value, key, value)


def _secret_of(name: str) -> str:
    """Returns what messages call a key such as NAME=value; empty for one without a value."""
    return "a text with `=`" if "=" in name else ""


def _variable_of(node: yaml.Node) -> yaml.ScalarNode | None:
    """Returns the NAME of `{env: NAME}`, the mapping that stands in place of a scalar."""
    if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
        return None
    ((key, value),) = node.value
    is_reference = (
        isinstance(key, yaml.ScalarNode)
        and key.value == _VARIABLE_KEY
        and isinstance(value, yaml.ScalarNode)
        and value.tag == "tag:yaml.org,2002:str"
        and value.value != ""
    )
    return value if is_reference else None


def _nearest(name: str, kind: Record) -> list[str]:
    """Returns the known key that was probably meant, if there is one."""
    return get_close_matches(name[:60].lower().replace("-", "_"), keys_of(kind.model), n=1)


def _nearest_inside(name: str, kind: Record, present: Container[str]) -> str:
    """Returns the nearest key of the records that are there in a mapping; "" for none."""
    known = [
        inside
        for key, declared in keys_of(kind.model).items()
        if key in present and isinstance(inner := declared.key.kind, Record)
        for inside in keys_of(inner.model)
    ]
    near = get_close_matches(name[:60].lower().replace("-", "_"), known, n=1)
    return near[0] if near else ""


def _how_inside(inner: str, name: str, kind: Record, node: yaml.MappingNode) -> str:
    """Returns how to write a key inside the record that a path leads to."""
    top = inner.partition(".")[0]
    record = keys_of(kind.model)[top].key.kind
    for key, value in node.value:
        is_it = isinstance(key, yaml.ScalarNode) and key.value == top
        if is_it and isinstance(value, yaml.ScalarNode) and isinstance(record, Record):
            return f"make that a mapping with the keys `{record.short}` and `{name}`"
    return "indent it further"


def _path_to(name: str, kind: Record, first: Container[str] = ()) -> str:
    """Returns the keys that lead to the record inside `kind` that knows the key; "" for none."""
    keys = keys_of(kind.model)
    for key in sorted(keys, key=lambda key: key not in first):
        inner = keys[key].key.kind
        if isinstance(inner, RecordList):
            inner = inner.item
        if isinstance(inner, Record):
            if name in keys_of(inner.model):
                return key
            if deeper := _path_to(name, inner):
                return f"{key}.{deeper}"
    return ""


def _shape(kind: Record) -> str:
    keys = ", ".join(keys_of(kind.model))
    if kind.single:
        return f"a mapping with one of the keys {keys}"
    scalar = f"its `{kind.short}`, or " if kind.short else ""
    return f"{scalar}a mapping with the keys {keys}"


def _collection(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _found(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return RawScalar.of(node.value, node.tag).found
    return f"found {_collection(node)}"


def _quoted(name: str) -> str:
    """Returns a name for a message: keys in backquotes, phrases as they are."""
    return name if " " in name else f"`{name}`"
