"""The calls about repositories and pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.client.channel import Calls
from hostler.client.lookup import find_definition
from hostler.client.names import (
    ALL,
    is_pipeline_name,
    location_name,
    parse_pipeline,
    pipeline_name,
    repository_name,
)
from hostler.v1 import repository_pb2 as pb

if TYPE_CHECKING:
    from hostler.v1.definitions_pb2 import Pipeline, PipelineSummary, Repository


class RepositoryCalls(Calls):
    """Makes the calls of RepositoryService about repositories and pipelines."""

    def repositories(self, location: str | None = None) -> list[Repository]:
        """Returns the repositories of a location, or of all locations that answer."""
        request = pb.ListRepositoriesRequest(parent=location_name(location or ALL))
        pages = self._pages(self._repository.ListRepositories, request)
        return [repository for page in pages for repository in page.repositories]

    def repository(self, location: str, repository: str) -> Repository:
        """Returns one repository.

        Raises:
            NotFoundError: there is none of that name.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        request = pb.GetRepositoryRequest(name=repository_name(location, repository))
        return self._unary(self._repository.GetRepository, request)

    def pipelines(
        self, location: str | None = None, repository: str | None = None
    ) -> list[PipelineSummary]:
        """Returns the pipelines of a repository, of a location, or of all; constructs none."""
        request = pb.ListPipelinesRequest(
            parent=repository_name(location or ALL, repository or ALL)
        )
        pages = self._pages(self._repository.ListPipelines, request)
        return [pipeline for page in pages for pipeline in page.pipelines]

    def pipeline(self, location: str, repository: str, name: str) -> Pipeline:
        """Returns one pipeline; the location constructs a lazy one.

        Raises:
            NotFoundError: there is none of that name.
            UserCodeError: the function that constructs it raised.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        request = pb.GetPipelineRequest(name=pipeline_name(location, repository, name))
        return self._unary(self._repository.GetPipeline, request)

    def find_pipeline(
        self, name: str | None, location: str | None = None, repository: str | None = None
    ) -> PipelineSummary:
        """Returns the one pipeline of that name in the locations that answer.

        Args:
            name: the pipeline's name, or its resource name; None for the only one that there is.
            location: look in this location only.
            repository: look in repositories of this name only.

        Raises:
            NotFoundError: there is none; the message names the nearest ones.
            AmbiguousNameError: there are several; the message lists them.
        """
        if name is not None and is_pipeline_name(name):
            location, repository, name = parse_pipeline(name)
        return find_definition("pipeline", name, self.pipelines(location, repository))
