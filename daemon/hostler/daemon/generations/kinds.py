"""The kinds of definitions that a repository holds."""

from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import Message

from hostler.v1 import definitions_pb2


@dataclass(frozen=True, slots=True, eq=False)
class DefinitionKind:
    """Describes one kind; there is one object of each, so that a thousand keys are hashed fast.

    Attributes:
        noun: its name in messages.
        collection: its name in resource names, and in the JSON of hostler.v1.Repository.
        field: its field in hostler.v1.Repository and in the answer of a list.
        message: the protobuf message of one definition.
    """

    noun: str
    collection: str
    field: str
    message: type[Message]


PIPELINE = DefinitionKind("pipeline", "pipelines", "pipelines", definitions_pb2.Pipeline)
SCHEDULE = DefinitionKind("schedule", "schedules", "schedules", definitions_pb2.Schedule)
PARTITION_SET = DefinitionKind(
    "partition set", "partitionSets", "partition_sets", definitions_pb2.PartitionSet
)
KINDS = (PIPELINE, SCHEDULE, PARTITION_SET)


class DefinitionKey(NamedTuple):
    """Names a definition of a generation."""

    kind: DefinitionKind
    repository: str
    name: str

    def __str__(self) -> str:
        """Returns the name as changes show it: a pipeline's needs no word before it."""
        parts = [self.repository, self.name]
        if self.kind is not PIPELINE:
            parts.insert(1, self.kind.collection)
        return "/".join(parts)
