"""Trying out all that a location defines: what is lazy is constructed, functions are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf import json_format

from hostler.cli.text.pipelines import problem_lines
from hostler.client.errors import HostlerError, InvalidArgumentError, UnreachableError
from hostler.client.names import parse_definition, parse_repository, partition_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostler.client.client import Client
    from hostler.v1.definitions_pb2 import Repository, SourcePosition
    from hostler.v1.repository_pb2 import ValidateRunConfigResponse


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """Says what is wrong with a definition.

    Attributes:
        title: the location and the definition: "etl: schedule 'nightly' of repository 'sales'".
        message: one line.
        file: where the user's code is wrong; empty where that is not known.
        line: counted from 1; 0 where it is not known.
        traceback: of the user's code; empty for none.
    """

    title: str
    message: str
    file: str = ""
    line: int = 0
    traceback: str = ""


def definition_problems(client: Client, location: str) -> Iterator[DefinitionProblem]:
    """Constructs all definitions of a location that answers, and yields what is wrong with them.

    Asks each schedule for its next tick, and each partition set for its partitions and for what a
    run of the first one is launched with. What a schedule, a partition or a preset would launch has
    to fit its pipeline.

    Raises:
        UnreachableError: the daemon does not answer any more.
    """
    for repository in client.repositories(location):
        yield from _Trial(client, location, repository).problems()


class _Trial:
    """Tries out the definitions of one repository."""

    def __init__(self, client: Client, location: str, repository: Repository) -> None:
        self._client = client
        self._location = location
        self._repository = repository
        self._place = (location, parse_repository(repository.name).repository)

    def problems(self) -> Iterator[DefinitionProblem]:
        for pipeline in self._repository.pipelines:
            yield from self._attempt("pipeline", pipeline.name, self._construct_pipeline)
        for schedule in self._repository.schedules:
            yield from self._attempt("schedule", schedule.name, self._ask_schedule)
        for partition_set in self._repository.partition_sets:
            yield from self._attempt("partition set", partition_set.name, self._ask_partition_set)

    def _attempt(
        self, noun: str, resource: str, attempt: Callable[[str], Iterator[SourcePosition]]
    ) -> Iterator[DefinitionProblem]:
        name = parse_definition(resource).name
        file, line = "", 0
        try:
            for source in attempt(name):
                file, line = source.file, source.line
        except UnreachableError:
            raise
        except HostlerError as error:
            details = error.details
            if details.metadata.get("file"):
                file, line = details.metadata["file"], int(details.metadata.get("line", 0))
            yield DefinitionProblem(
                title=f"{self._location}: {noun} {name!r} of repository {self._place[1]!r}",
                message=str(error),
                file=file,
                line=line,
                traceback=error.traceback or "",
            )

    def _construct_pipeline(self, name: str) -> Iterator[SourcePosition]:
        pipeline = self._client.pipeline(*self._place, name)
        yield pipeline.source
        for preset in pipeline.presets:
            found = self._client.validate(pipeline.name, preset=preset.name)
            _require_fit(found, f"preset {preset.name!r}", name)

    def _ask_schedule(self, name: str) -> Iterator[SourcePosition]:
        schedule = self._client.schedule(*self._place, name)
        yield schedule.source
        for tick in self._client.preview_schedule(*self._place, name, count=1):
            if not tick.skipped:
                config = json_format.MessageToDict(tick.run_config)
                found = self._client.validate(schedule.pipeline, config)
                _require_fit(found, "what it launches", parse_definition(schedule.pipeline).name)

    def _ask_partition_set(self, name: str) -> Iterator[SourcePosition]:
        partition_set = self._client.partition_set(*self._place, name)
        yield partition_set.source
        for partition in self._client.partitions(*self._place, name):
            self._client.partition(*self._place, name, partition_id(partition.name))
            found = self._client.validate(partition_set.pipeline, partition=partition.name)
            what = f"partition {partition_id(partition.name)!r}"
            _require_fit(found, what, parse_definition(partition_set.pipeline).name)
            break


def _require_fit(found: ValidateRunConfigResponse, what: str, pipeline: str) -> None:
    """Raises an error where a launch would be refused: what does not fit, and where."""
    if found.problems:
        listed = "; ".join(filter(None, problem_lines(found)))
        raise InvalidArgumentError(f"{what} does not fit pipeline {pipeline!r}: {listed}")
