"""One good load of a location: its definitions as bytes, and the code that they came from."""

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
    """Holds what a location's code defined when it was loaded; answers about it need no process.

    Attributes:
        spec: how it was loaded; a successor of its process is started in the same way.
        repositories: Repository messages by name.
        listed: all definitions that they list, constructed or not.
        definitions: Pipeline, Schedule and PartitionSet messages; a lazy definition joins when it
            is first constructed.
        files: the digest of each source file that the load has read, None for each that it looked
            for in vain, by path.
        snapshot: the source files, packed by `wire.pack_files`.
        missing: paths that the load looked for in vain.
        digest: the digest of all files that the load has read.
        fork_obstacles: why its process may not be forked; empty if it may.
        spawn_reason: why its workers and runs are spawned, since a fork was seen to stall; empty
            where none was.
        seconds: from the order to ready.
        parts: how long each part took: "order" (until there was a process), "import", "describe".
        warnings: what the user should know of the load.
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
    spawn_reason: str = ""
    warnings: tuple[str, ...] = ()
    number: int = 0
    ready_time: float = 0.0
    #: Serialized answers, by request; see hostler.daemon.facade.repository.
    answers: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    @property
    def load_time(self) -> float:
        """When its load began, in seconds since the epoch."""
        return self.ready_time - self.seconds

    def sources(self) -> bytes:
        """Returns what another process loads to become the same as this generation's process.

        Packed by `wire.pack_files`: the source files, and the paths that were missing. Made when it
        is asked for: most generations are replaced before their process needs a successor.
        """
        return hide_files(self.snapshot, self.missing)

    def names(self, kind: DefinitionKind, repository: str) -> list[str]:
        """Returns what the repository lists of a kind; nothing if there is no such repository."""
        found = self.repositories.get(repository)
        if found is None:
            return []
        return [summary.name.rpartition("/")[2] for summary in getattr(found, kind.field)]

    def has_pipeline(self, repository: str, pipeline: str) -> bool:
        """Returns whether the repository lists the pipeline, constructed or not."""
        return DefinitionKey(PIPELINE, repository, pipeline) in self.listed


def build(
    spec: LocationSpec,
    described: Description,
    body: Mapping[str, Any],
    files: Mapping[str, str | None],
    snapshot: bytes,
    python_version: str,
) -> Generation:
    """Builds a generation from the answer to LOAD; see hostler.host.loading.Load."""
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
        warnings=tuple(body.get("warnings", ())),
    )


def changes(old: Generation | None, new: Generation) -> workspace_pb2.DefinitionChanges:
    """Returns the definitions that were added, removed and altered between two generations.

    A lazy definition that nobody has constructed is known by its name alone, so that it is never
    reported as altered.
    """
    before = old.listed if old else frozenset[DefinitionKey]()
    altered = new.definitions.altered(old.definitions) if old else []
    return workspace_pb2.DefinitionChanges(
        added=sorted(map(str, new.listed - before)),
        removed=sorted(map(str, before - new.listed)),
        altered=sorted(map(str, altered)),
    )
