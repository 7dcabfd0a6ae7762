"""One good load of a location: its definitions as bytes, and the code they came from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hostler.daemon.generations.description import Definitions, Description
from hostler.daemon.generations.kinds import PIPELINE, DefinitionKey, DefinitionKind
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import dump, hide_files
from hostler.v1 import definitions_pb2, workspace_pb2


@dataclass(slots=True)
class Generation:
    """What a location's code held when it was loaded; answers about it need no process.

    Attributes:
        spec: how it was loaded; a process that takes the place of its own is started alike.
        repositories: Repository messages by name.
        listed: all that they list, constructed or not.
        definitions: Pipeline, Schedule and PartitionSet messages; a lazy one joins when it is first
            constructed.
        files: digest by path of each source file that was read, None where one was looked for in
            vain.
        snapshot: the source files, packed by `wire.pack_files`.
        missing: what its load looked for in vain.
        digest: of the files that were read.
        fork_obstacles: why its process may not be forked; empty where it may.
        seconds: from the order to ready.
        parts: of those seconds: "order" (until there was a process), "import", "describe".
        number: counts the good loads of the location; set when it begins to serve.
        ready_time: when it began to serve, in seconds since the epoch.
    """

    spec: LocationSpec
    repositories: Mapping[str, definitions_pb2.Repository]
    listed: frozenset[DefinitionKey]
    definitions: Definitions
    files: dict[str, str | None]
    snapshot: bytes
    missing: tuple[str, ...]
    digest: str
    fork_obstacles: tuple[str, ...]
    python_version: str
    seconds: float = 0.0
    parts: Mapping[str, float] = field(default_factory=dict)
    number: int = 0
    ready_time: float = 0.0
    #: Serialized answers, by request; see hostler.daemon.facade.repository.
    answers: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def sources(self) -> bytes:
        """What another process loads to become what this generation's process was.

        Packed by `wire.pack_files`: the source files, and what was not there. Made when it is asked
        for: most generations are replaced before anything has to take their process's place.
        """
        return hide_files(self.snapshot, self.missing)

    def names(self, kind: DefinitionKind, repository: str) -> list[str]:
        """What the repository lists of a kind, constructed or not; nothing where there is none."""
        found = self.repositories.get(repository)
        if found is None:
            return []
        return [summary.name.rpartition("/")[2] for summary in getattr(found, kind.field)]

    def has_pipeline(self, repository: str, pipeline: str) -> bool:
        """Whether the repository lists the pipeline, constructed or not."""
        return DefinitionKey(PIPELINE, repository, pipeline) in self.listed


def build(
    spec: LocationSpec,
    described: Description,
    body: Mapping[str, Any],
    files: Mapping[str, str | None],
    snapshot: bytes,
    python_version: str,
) -> Generation:
    """A generation from the answer to LOAD, see hostler.host.loading.Load."""
    read = sorted((path, digest) for path, digest in files.items() if digest is not None)
    return Generation(
        spec=spec,
        repositories=described.repositories,
        listed=described.listed,
        definitions=described.definitions,
        files=dict(files),
        snapshot=snapshot,
        missing=tuple(path for path, digest in files.items() if digest is None),
        digest=hashlib.blake2b(dump(read), digest_size=16).hexdigest(),
        fork_obstacles=tuple(body["unsafe"]),
        python_version=python_version,
    )


def changes(old: Generation | None, new: Generation) -> workspace_pb2.DefinitionChanges:
    """What `new` has that `old` had not, and the other way round.

    A lazy definition that nobody has constructed is known by its name alone, so it is never
    reported as altered.
    """
    before = old.listed if old else frozenset[DefinitionKey]()
    altered = new.definitions.altered(old.definitions) if old else []
    return workspace_pb2.DefinitionChanges(
        added=sorted(map(str, new.listed - before)),
        removed=sorted(map(str, before - new.listed)),
        altered=sorted(map(str, altered)),
    )
