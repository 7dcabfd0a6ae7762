"""One good load of a location: its definitions as bytes, and the code they came from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format

from hostler.daemon.kinds import KINDS, PIPELINE, Key, Kind
from hostler.daemon.workspace import LocationSpec
from hostler.host.wire import dump, pack_files, unpack_files
from hostler.v1 import definitions_pb2, workspace_pb2


@dataclass(slots=True)
class Generation:
    """What a location's code held when it was loaded; answers about it need no process.

    Attributes:
        spec: how it was loaded; a process that takes the place of its own is started alike.
        repositories: Repository messages by name.
        definitions: serialized Pipeline, Schedule and PartitionSet messages; a lazy one joins when
            it is first constructed.
        files: digest by path of each source file that was read, None where one was looked for in
            vain.
        sources: the source files, packed by `wire.pack_files`, and what was not there; another
            process loads them to become what this generation's process was.
        digest: of the files that were read.
        unsafe: why its process may not be forked; empty where it may.
        seconds: from the order to ready.
        number: counts the good loads of the location; set when it begins to serve.
        ready_time: when it began to serve, in seconds since the epoch.
    """

    spec: LocationSpec
    repositories: Mapping[str, definitions_pb2.Repository]
    definitions: dict[Key, bytes]
    files: dict[str, str | None]
    sources: bytes
    digest: str
    unsafe: tuple[str, ...]
    python_version: str
    seconds: float = 0.0
    number: int = 0
    ready_time: float = 0.0
    #: Serialized answers, by request; see hostler.daemon.facade.repository.
    answers: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def names(self, kind: Kind, repository: str) -> list[str]:
        """What the repository lists of a kind, constructed or not; nothing where there is none."""
        found = self.repositories.get(repository)
        if found is None:
            return []
        return [summary.name.rpartition("/")[2] for summary in getattr(found, kind.field)]

    def has_pipeline(self, repository: str, pipeline: str) -> bool:
        """Whether the repository lists the pipeline, constructed or not."""
        return pipeline in self.names(PIPELINE, repository)


def build(
    spec: LocationSpec,
    body: Mapping[str, Any],
    files: Mapping[str, str | None],
    sources: bytes,
    python_version: str,
) -> Generation:
    """A generation from the answer to LOAD.

    Raises:
        json_format.ParseError: the answer does not fit the contract.
    """
    repositories = {}
    definitions = {}
    for described in body["repositories"]:
        repository = json_format.ParseDict(described["repository"], definitions_pb2.Repository())
        name = repository.name.rpartition("/")[2]
        repositories[name] = repository
        for kind in KINDS:
            for key, definition in described["definitions"][kind.collection].items():
                definitions[Key(kind, name, key)] = serialize(kind, definition)
    missing = {path: None for path, digest in files.items() if digest is None}
    read = sorted((path, digest) for path, digest in files.items() if digest is not None)
    return Generation(
        spec=spec,
        repositories=repositories,
        definitions=definitions,
        files=dict(files),
        sources=pack_files(missing | unpack_files(sources)),
        digest=hashlib.blake2b(dump(read), digest_size=16).hexdigest(),
        unsafe=tuple(body["unsafe"]),
        python_version=python_version,
    )


def serialize(kind: Kind, definition: Mapping[str, Any]) -> bytes:
    """The bytes of a described definition.

    Raises:
        json_format.ParseError: it does not fit the contract.
    """
    message = json_format.ParseDict(dict(definition), kind.message())
    return message.SerializeToString(deterministic=True)


def changes(old: Generation | None, new: Generation) -> workspace_pb2.DefinitionChanges:
    """What `new` has that `old` had not, and the other way round.

    A lazy definition that nobody has constructed is known by its name alone, so it is never
    reported as altered.
    """
    before = _listed(old) if old else set()
    after = _listed(new)
    altered = [
        key
        for key in before & after
        if old
        and key in old.definitions
        and key in new.definitions
        and _without_position(key.kind, old.definitions[key])
        != _without_position(key.kind, new.definitions[key])
    ]
    return workspace_pb2.DefinitionChanges(
        added=sorted(map(str, after - before)),
        removed=sorted(map(str, before - after)),
        altered=sorted(map(str, altered)),
    )


def _listed(generation: Generation) -> set[Key]:
    return {
        Key(kind, repository, name)
        for repository in generation.repositories
        for kind in KINDS
        for name in generation.names(kind, repository)
    }


def _without_position(kind: Kind, serialized: bytes) -> bytes:
    """A definition that only moved within its file has not changed."""
    message = kind.message.FromString(serialized)
    message.ClearField("source")
    if isinstance(message, definitions_pb2.Pipeline):
        for solid in message.solids:
            solid.ClearField("source")
    return message.SerializeToString(deterministic=True)
