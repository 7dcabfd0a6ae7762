"""What a location's process says of its definitions; see hostler.host.describe.pack."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf import json_format

from hostler.daemon.base.text import load_json
from hostler.daemon.generations.kinds import KINDS, PIPELINE, DefinitionKey
from hostler.host.wire import pack_definition
from hostler.v1 import definitions_pb2


class Definitions:
    """The definitions of a generation, as its process described them.

    One is parsed and serialized when it is first read: for a hundred of them that takes longer than
    the load itself.
    """

    def __init__(self, described: dict[DefinitionKey, bytes]) -> None:
        """
        Args:
            described: of each its message; see hostler.host.wire.pack_definition.
        """
        self._described = described
        self._serialized: dict[DefinitionKey, bytes] = {}

    def get(self, key: DefinitionKey) -> bytes | None:
        """The serialized message; None where it has not been constructed.

        Raises:
            json_format.ParseError: the description does not fit the contract.
        """
        found = self._serialized.get(key)
        if found is None and key in self._described:
            message = json_format.ParseDict(self._parsed(key), key.kind.message())
            found = self._serialized[key] = message.SerializeToString(deterministic=True)
        return found

    def add(self, key: DefinitionKey, described: dict[str, Any]) -> bytes:
        """Takes in one that was constructed since, and its positions out of it.

        Returns:
            The serialized message.

        Raises:
            json_format.ParseError: the description does not fit the contract.
        """
        self._described[key] = pack_definition(described)
        made = self.get(key)
        assert made is not None
        return made

    def altered(self, since: "Definitions") -> list[DefinitionKey]:
        """Those that another generation has as well, with another description."""
        return [
            key
            for key in self._described.keys() & since._described.keys()
            if _content(self._described[key]) != _content(since._described[key])
            and self._differs(key, since)
        ]

    def _differs(self, key: DefinitionKey, since: "Definitions") -> bool:
        """Whether more than the order of keys is another."""
        contents = [_content(each._described[key]) for each in (self, since)]
        try:
            mine, other = map(load_json, contents)
        except ValueError:  # whoever asks for it is told
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
    """What a load has found.

    Attributes:
        repositories: Repository messages by name.
        listed: all that they list, constructed or not.
        definitions: what is constructed.
    """

    repositories: Mapping[str, definitions_pb2.Repository]
    listed: frozenset[DefinitionKey]
    definitions: Definitions


class DescriptionBuffer:
    """A description that is read when it comes, while its process says the rest."""

    def __init__(self, at_once: int) -> None:
        """
        Args:
            at_once: bytes; a larger one is read by whoever asks for it.
        """
        self._at_once = at_once
        self._said = b""
        self._read: Description | None = None

    def __len__(self) -> int:
        """Bytes that have come."""
        return len(self._said)

    def receive(self, said: bytes) -> None:
        """It has come."""
        self._said = said
        if len(said) <= self._at_once:
            with contextlib.suppress(Exception):  # whoever asks for it is told
                self._read = read(said)

    def get(self) -> Description:
        """The description.

        Raises:
            ValueError: it is no description, or none has come.
            json_format.ParseError: it does not fit the contract.
        """
        return self._read or read(self._said)


def read(said: bytes) -> Description:
    """A description from its lines.

    Raises:
        ValueError: it is none.
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
    """The message; json_format takes ten times as long for the summaries of many pipelines."""
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
    """A definition that has only moved within its file has not changed."""
    return described.partition(b"\t")[0]
