"""Reads what a location process says of its definitions; see hostler.host.describe.pack."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf import json_format

from hostler.daemon.base.text import load_json
from hostler.daemon.generations.kinds import KINDS, PIPELINE, DefinitionKey
from hostler.host.wire import pack_definition
from hostler.v1 import definitions_pb2


class Definitions:
    """Holds the definitions of a generation, as its process described them.

    Parses and serializes a definition when it is first read: for a hundred of them that takes
    longer than the load itself.
    """

    def __init__(self, described: dict[DefinitionKey, bytes]) -> None:
        """
        Args:
            described: the packed description of each; see hostler.host.wire.pack_definition.
        """
        self._described = described
        self._serialized: dict[DefinitionKey, bytes] = {}
        #: Called after `add`; nothing where it is None.
        self.on_add: Callable[[], object] | None = None

    def described(self) -> dict[DefinitionKey, bytes]:
        """Returns a copy of the packed descriptions."""
        return dict(self._described)

    def get(self, key: DefinitionKey) -> bytes | None:
        """Returns the serialized message; None if the definition has not been constructed.

        Raises:
            json_format.ParseError: the description does not fit the contract.
        """
        found = self._serialized.get(key)
        if found is None and key in self._described:
            message = json_format.ParseDict(self._parsed(key), key.kind.message())
            found = self._serialized[key] = message.SerializeToString(deterministic=True)
        return found

    def add(self, key: DefinitionKey, described: dict[str, Any]) -> bytes:
        """Adds a definition that was constructed after the load.

        Args:
            described: its description, from which the source positions are removed.

        Returns:
            The serialized message.

        Raises:
            json_format.ParseError: the description does not fit the contract.
        """
        self._described[key] = pack_definition(described)
        made = self.get(key)
        assert made is not None
        if self.on_add is not None:
            self.on_add()
        return made

    def altered(self, since: "Definitions") -> list[DefinitionKey]:
        """Returns the definitions that an earlier generation described otherwise."""
        return [
            key
            for key in self._described.keys() & since._described.keys()
            if _content(self._described[key]) != _content(since._described[key])
            and self._differs(key, since)
        ]

    def _differs(self, key: DefinitionKey, since: "Definitions") -> bool:
        """Returns whether more than the order of keys differs."""
        contents = [_content(each._described[key]) for each in (self, since)]
        try:
            mine, other = map(load_json, contents)
        except ValueError:  # whoever reads the definition gets the error
            return True
        return bool(mine != other)

    def _parsed(self, key: DefinitionKey) -> dict[str, Any]:
        try:
            content, _, positions = self._described[key].partition(b"\t")
            described = cast("dict[str, Any]", load_json(content))
            places = [described, *described.get("solids", ())]
            for place, position in zip(places, load_json(positions), strict=True):
                if position is not None:
                    file, line = position
                    place["source"] = {"file": file, "line": line}
        except (ValueError, TypeError, AttributeError) as error:
            raise json_format.ParseError(f"cannot read what is said of {key}: {error}") from error
        return described


@dataclass(frozen=True, slots=True)
class Description:
    """Holds what a load has found.

    Attributes:
        repositories: Repository messages by name.
        listed: all definitions that they list, constructed or not.
        definitions: the constructed definitions.
    """

    repositories: Mapping[str, definitions_pb2.Repository]
    listed: frozenset[DefinitionKey]
    definitions: Definitions


class DescriptionBuffer:
    """Reads a description as soon as it comes, while its process sends the rest of its answer."""

    def __init__(self, at_once: int) -> None:
        """
        Args:
            at_once: bytes; a larger description is read when it is asked for.
        """
        self._at_once = at_once
        self._said = b""
        self._read: Description | None = None

    def __len__(self) -> int:
        """Returns how many bytes have come."""
        return len(self._said)

    def receive(self, said: bytes) -> None:
        """Takes the description, which has come."""
        self._said = said
        if len(said) <= self._at_once:
            with contextlib.suppress(Exception):  # `get` raises the error
                self._read = read(said)

    def get(self) -> Description:
        """Returns the description.

        Raises:
            ValueError: it is no description, or none has come.
            json_format.ParseError: it does not fit the contract.
        """
        return self._read or read(self._said)


def read(said: bytes) -> Description:
    """Reads a description from its lines.

    Raises:
        ValueError: the lines are no description.
        json_format.ParseError: it does not fit the contract.
    """
    head, *lines = said.split(b"\n")
    rest = iter(lines)
    repositories: dict[str, definitions_pb2.Repository] = {}
    listed: set[DefinitionKey] = set()
    definitions: dict[DefinitionKey, bytes] = {}
    for described in load_json(head):
        repository = _repository(described["repository"])
        name = repository.name.rpartition("/")[2]
        repositories[name] = repository
        for kind in KINDS:
            summaries = described["repository"].get(kind.collection, ())
            listed.update(
                DefinitionKey(kind, name, one["name"].rpartition("/")[2]) for one in summaries
            )
            for key in described["definitions"][kind.collection]:
                definitions[DefinitionKey(kind, name, key)] = next(rest, b"")
    if len(definitions) != len(lines):
        raise ValueError(f"found {len(lines)} definitions, expected {len(definitions)}")
    return Description(repositories, frozenset(listed), Definitions(definitions))


def _repository(described: Mapping[str, Any]) -> definitions_pb2.Repository:
    """Makes the message; json_format would take ten times as long for many pipelines."""
    rest = {key: value for key, value in described.items() if key != PIPELINE.collection}
    repository = json_format.ParseDict(rest, definitions_pb2.Repository())
    repository.pipelines.extend(
        definitions_pb2.PipelineSummary(
            name=one["name"],
            lazy=one.get("lazy", False),
            description=one.get("description") or "",
            solid_count=one.get("solidCount", 0),
        )
        for one in described[PIPELINE.collection]
    )
    return repository


def _content(described: bytes) -> bytes:
    """Leaves the positions out: a definition that has only moved in its file has not changed."""
    return described.partition(b"\t")[0]
