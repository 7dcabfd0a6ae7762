"""A generation's definitions as bytes for the disk, and back: what a later daemon answers from.

    hostler definitions 1\\n      the version of all that follows
    <blake2b of the rest>\\n      32 hex digits
    <head>\\n                     JSON in one line: whose they are, and the sizes of the parts
    <parts>                      Repository messages, then the packed descriptions of definitions

Bytes that end too early, were changed, or come from a newer version are no definitions.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from hostler.daemon.generations.description import Definitions
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import KINDS, DefinitionKey
from hostler.v1 import definitions_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostler.daemon.workspace.text.models import LocationSpec

#: Its number is one higher with each change of what follows.
_MAGIC = b"hostler definitions 1\n"

_KINDS = {kind.collection: kind for kind in KINDS}


class NotStoredError(ValueError):
    """The bytes hold no definitions of the location; the message says why."""


def pack(generation: Generation, described: Mapping[DefinitionKey, bytes]) -> bytes:
    """Returns the bytes of a generation.

    Args:
        described: a copy of what `generation.definitions` holds; the loop may add to that while
            another thread packs.
    """
    repositories = {
        name: of.SerializeToString(deterministic=True)
        for name, of in generation.repositories.items()
    }
    head = {
        "location": generation.spec.name,
        "target": _target(generation.spec),
        "python_version": generation.python_version,
        "digest": generation.digest,
        "ready_time": generation.ready_time,
        "seconds": generation.seconds,
        "repositories": [[name, len(body)] for name, body in repositories.items()],
        "definitions": [
            [key.kind.collection, key.repository, key.name, len(body)]
            for key, body in described.items()
        ],
    }
    parts = (*repositories.values(), *described.values())
    rest = json.dumps(head).encode("ascii") + b"\n" + b"".join(parts)
    return _MAGIC + _checksum(rest) + b"\n" + rest


def unpack(data: bytes, spec: LocationSpec) -> Generation:
    """Returns the generation of a location; it has no code, so that nothing can be run with it.

    Raises:
        NotStoredError: these are not the bytes of a generation of the location as it is now.
    """
    if not data.startswith(_MAGIC):
        raise NotStoredError("another version has written them, or they are damaged")
    checksum, _, rest = data.removeprefix(_MAGIC).partition(b"\n")
    if checksum != _checksum(rest):
        raise NotStoredError("they are damaged")
    line, _, parts = rest.partition(b"\n")
    head: dict[str, Any] = json.loads(line)
    if (head["location"], head["target"]) != (spec.name, _target(spec)):
        raise NotStoredError("they are of another target")
    repositories: dict[str, definitions_pb2.Repository] = {}
    described: dict[DefinitionKey, bytes] = {}
    start = 0
    for name, size in head["repositories"]:
        body = parts[start : start + size]
        repositories[name] = definitions_pb2.Repository.FromString(body)
        start += size
    for collection, repository, name, size in head["definitions"]:
        described[DefinitionKey(_KINDS[collection], repository, name)] = parts[start : start + size]
        start += size
    return Generation(
        spec=spec,
        repositories=repositories,
        listed=_listed(repositories),
        definitions=Definitions(described),
        files={},
        snapshot=b"",
        missing=(),
        digest=head["digest"],
        fork_obstacles=(),
        python_version=head["python_version"],
        seconds=head["seconds"],
        ready_time=head["ready_time"],
    )


def _listed(repositories: Mapping[str, definitions_pb2.Repository]) -> frozenset[DefinitionKey]:
    return frozenset(
        DefinitionKey(kind, name, summary.name.rpartition("/")[2])
        for name, repository in repositories.items()
        for kind in KINDS
        for summary in getattr(repository, kind.field)
    )


def _target(spec: LocationSpec) -> list[str | None]:
    """Returns what names the code: with another one, the definitions are another location's."""
    target = spec.target
    return [target.kind, target.value, target.attribute, target.working_directory]


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode("ascii")
