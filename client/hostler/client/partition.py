"""The calls about partition sets and partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.client.channel import Calls
from hostler.client.lookup import find_definition
from hostler.client.names import ALL, definition_name, partition_name, repository_name
from hostler.v1 import repository_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.v1.definitions_pb2 import Partition, PartitionSet, PartitionSetSummary


class PartitionCalls(Calls):
    """Makes the calls of RepositoryService about partition sets."""

    def partition_sets(
        self, location: str | None = None, repository: str | None = None
    ) -> list[PartitionSetSummary]:
        """Returns the partition sets of a repository, of a location, or of all; constructs none."""
        request = pb.ListPartitionSetsRequest(
            parent=repository_name(location or ALL, repository or ALL)
        )
        pages = self._pages(self._repository.ListPartitionSets, request)
        return [partition_set for page in pages for partition_set in page.partition_sets]

    def partition_set(self, location: str, repository: str, name: str) -> PartitionSet:
        """Returns one partition set; the location constructs a lazy one.

        Raises:
            NotFoundError: there is none of that name.
            UserCodeError: the function that constructs it raised.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        resource = definition_name(location, repository, "partitionSets", name)
        request = pb.GetPartitionSetRequest(name=resource)
        return self._unary(self._repository.GetPartitionSet, request)

    def partitions(self, location: str, repository: str, partition_set: str) -> Iterator[Partition]:
        """Yields the partitions of a set as they are now, with their names alone.

        Raises:
            NotFoundError: there is no set of that name.
            UserCodeError: the set's function raised.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        parent = definition_name(location, repository, "partitionSets", partition_set)
        request = pb.ListPartitionsRequest(parent=parent)
        for page in self._pages(self._repository.ListPartitions, request):
            yield from page.partitions

    def partition(self, location: str, repository: str, partition_set: str, name: str) -> Partition:
        """Returns one partition, with what a run for it would be launched with.

        Raises:
            NotFoundError: there is none of that name.
            UserCodeError: one of the set's functions raised.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        parent = definition_name(location, repository, "partitionSets", partition_set)
        request = pb.GetPartitionRequest(name=partition_name(parent, name))
        return self._unary(self._repository.GetPartition, request)

    def find_partition_set(
        self, name: str | None, location: str | None = None, repository: str | None = None
    ) -> PartitionSetSummary:
        """Returns the one partition set of that name in the locations that answer.

        Args:
            name: the set's name; None for the only one that there is.
            location: look in this location only.
            repository: look in repositories of this name only.

        Raises:
            NotFoundError: there is none; the message names the nearest ones.
            AmbiguousNameError: there are several; the message lists them.
        """
        return find_definition("partition set", name, self.partition_sets(location, repository))
