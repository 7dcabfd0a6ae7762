"""RepositoryService: definitions, from memory."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf import json_format

from hostler.daemon.channel import RemoteError
from hostler.daemon.facade import names, refusals
from hostler.daemon.facade.server import Context, within
from hostler.daemon.facade.workspace import find
from hostler.daemon.generation import Generation
from hostler.daemon.kinds import PARTITION_SET, PIPELINE, SCHEDULE, Key, Kind
from hostler.daemon.lazy import Readings
from hostler.daemon.location import Location
from hostler.daemon.offspring import NoProcessError
from hostler.daemon.settings import Settings
from hostler.daemon.supervisor import Supervisor
from hostler.daemon.workers import RetiredError, WorkerDiedError
from hostler.v1 import definitions_pb2
from hostler.v1 import repository_pb2 as pb

_ANY = "-"

#: Ticks of a preview: each may call three functions of the user's.
_TICKS = 5
_MOST_TICKS = 100

#: Partitions in a page: a set of some years' hours is 1 MB of names, and takes a moment to make.
_PARTITIONS = 10_000

#: What datetime knows: the year 9999 is reached by then, whatever the time zone.
_LAST_SECOND = 253_000_000_000

T = TypeVar("T")
_Listed = TypeVar(
    "_Listed", pb.ListPipelinesResponse, pb.ListSchedulesResponse, pb.ListPartitionSetsResponse
)
_Listing = pb.ListPipelinesRequest | pb.ListSchedulesRequest | pb.ListPartitionSetsRequest
_Getting = pb.GetPipelineRequest | pb.GetScheduleRequest | pb.GetPartitionSetRequest


class RepositoryService:
    """Implements hostler.v1.RepositoryService.

    Answers are serialized once for each generation. Those for several locations are the bytes of
    each, one after the other: that is how protobuf merges repeated fields.
    """

    def __init__(self, supervisor: Supervisor, settings: Settings) -> None:
        self._supervisor = supervisor
        self._settings = settings

    async def list_repositories(
        self, request: pb.ListRepositoriesRequest, _: Context
    ) -> pb.ListRepositoriesResponse | bytes:
        (location,) = names.parse(request.parent, 1, wildcards=True)
        answer = b"".join(_repositories(of) for of in self._generations(location))
        if not (request.page_size or request.page_token):
            return answer
        whole = pb.ListRepositoriesResponse.FromString(answer)
        items = whole.repositories
        part, token = names.page(len(items), request.page_size, request.page_token)
        return pb.ListRepositoriesResponse(repositories=items[part], next_page_token=token)

    async def get_repository(self, request: pb.GetRepositoryRequest, _: Context) -> bytes:
        location, repository = names.parse(request.name, 2)
        generation = generation_of(find(self._supervisor, f"locations/{location}"))
        return _repository(generation, repository, request.name)

    async def list_pipelines(
        self, request: pb.ListPipelinesRequest, _: Context
    ) -> pb.ListPipelinesResponse | bytes:
        return self._list(PIPELINE, pb.ListPipelinesResponse, request)

    async def get_pipeline(self, request: pb.GetPipelineRequest, context: Context) -> bytes:
        return await self._get(PIPELINE, request, context)

    async def list_schedules(
        self, request: pb.ListSchedulesRequest, _: Context
    ) -> pb.ListSchedulesResponse | bytes:
        return self._list(SCHEDULE, pb.ListSchedulesResponse, request)

    async def get_schedule(self, request: pb.GetScheduleRequest, context: Context) -> bytes:
        return await self._get(SCHEDULE, request, context)

    async def preview_schedule(
        self, request: pb.PreviewScheduleRequest, context: Context
    ) -> pb.PreviewScheduleResponse:
        count = request.count or _TICKS
        if not 0 < count <= _MOST_TICKS:
            raise refusals.invalid(
                f"cannot preview {count} ticks; expected 1 to {_MOST_TICKS}, or 0 for {_TICKS}"
            )
        after = request.after_time.seconds if request.HasField("after_time") else int(time.time())
        if not 0 <= after <= _LAST_SECOND:
            raise refusals.invalid(f"cannot preview after {after} s; expected a time since 1970")
        said = await self._call(
            context, SCHEDULE, request.name, "preview_schedule", after=after, count=count
        )
        return json_format.ParseDict(said, pb.PreviewScheduleResponse())

    async def list_partition_sets(
        self, request: pb.ListPartitionSetsRequest, _: Context
    ) -> pb.ListPartitionSetsResponse | bytes:
        return self._list(PARTITION_SET, pb.ListPartitionSetsResponse, request)

    async def get_partition_set(
        self, request: pb.GetPartitionSetRequest, context: Context
    ) -> bytes:
        return await self._get(PARTITION_SET, request, context)

    async def list_partitions(
        self, request: pb.ListPartitionsRequest, context: Context
    ) -> pb.ListPartitionsResponse:
        size = min(request.page_size or _PARTITIONS, _PARTITIONS)
        start = names.page(0, size, request.page_token)[0].start
        said = await self._call(
            context, PARTITION_SET, request.parent, "list_partitions", start=start, size=size
        )
        _, token = names.page(said["count"], size, request.page_token)
        partitions = [
            definitions_pb2.Partition(name=f"{request.parent}/partitions/{name}")
            for name in said["names"]
        ]
        return pb.ListPartitionsResponse(partitions=partitions, next_page_token=token)

    async def get_partition(
        self, request: pb.GetPartitionRequest, context: Context
    ) -> definitions_pb2.Partition:
        parent, partition = names.parse_partition(request.name, PARTITION_SET)
        said = await self._call(
            context, PARTITION_SET, parent, "describe_partition", partition=partition
        )
        if said["partition"] is None:
            raise refusals.unknown("partition", request.name, said["nearest"], partition)
        found = json_format.ParseDict(said["partition"], definitions_pb2.Partition())
        found.name = request.name
        return found

    def _list(self, kind: Kind, response: type[_Listed], request: _Listing) -> _Listed | bytes:
        location, repository = names.parse(request.parent, 2, wildcards=True)
        generations = self._generations(location)
        if repository != _ANY and not any(repository in of.repositories for of in generations):
            known = [name for of in generations for name in of.repositories]
            raise refusals.unknown("repository", request.parent, known)
        answer = b"".join(_summaries(kind, response, of, repository) for of in generations)
        if not (request.page_size or request.page_token):
            return answer
        items = getattr(response.FromString(answer), kind.field)
        part, token = names.page(len(items), request.page_size, request.page_token)
        page = response(next_page_token=token)
        getattr(page, kind.field).extend(items[part])
        return page

    async def _get(self, kind: Kind, request: _Getting, context: Context) -> bytes:
        location, key = self._parse(kind, request.name)
        cached = generation_of(location).definitions.get(key)
        if cached is not None:
            return cached
        return await self._ask(
            context, location, key, request.name, lambda readings: readings.definition(key)
        )

    async def _call(
        self, context: Context, kind: Kind, name: str, function: str, **arguments: object
    ) -> dict[str, Any]:
        """What a function of hostler.host.calls says of the definition of a resource name."""
        location, key = self._parse(kind, name)
        return await self._ask(
            context, location, key, name, lambda of: of.call(function, key, **arguments)
        )

    def _parse(self, kind: Kind, name: str) -> tuple[Location, Key]:
        location, repository, definition = names.parse(name, 3, kind=kind)
        found = find(self._supervisor, f"locations/{location}")
        return found, Key(kind, repository, definition)

    async def _ask(
        self,
        context: Context,
        location: Location,
        key: Key,
        name: str,
        ask: Callable[[Readings], Awaitable[T]],
    ) -> T:
        """What the user's code says of a definition.

        Raises:
            RefusalError: there is no such definition, the code failed, or it took too long.
        """

        async def answer() -> T:
            require(generation_of(location), key, name)
            return await ask(location.readings)

        async def work() -> T:
            try:
                return await answer()
            except RetiredError:  # once more, from its successor
                return await answer()

        try:
            return await within(context, self._settings, location.name, work())
        except RemoteError as error:
            raise refusals.user_code(location.name, error) from error
        except WorkerDiedError as error:
            raise refusals.process_died(location.name, error) from error
        except (RetiredError, NoProcessError) as error:
            raise refusals.no_process(location.name, str(error)) from error

    def _generations(self, location: str) -> list[Generation]:
        """Of one location, or, for "-", of all that have one."""
        if location != _ANY:
            return [generation_of(find(self._supervisor, f"locations/{location}"))]
        locations = self._supervisor.locations.values()
        return [each.generation for each in locations if each.generation is not None]


def generation_of(location: Location) -> Generation:
    """The last good generation.

    Raises:
        RefusalError: there is none; it says why.
    """
    if location.generation is None:
        raise refusals.no_generation(location)
    return location.generation


def require_pipeline(generation: Generation, name: str) -> None:
    """Raises NOT_FOUND unless the generation lists the pipeline of a resource name."""
    _, repository, pipeline = names.parse(name, 3)
    require(generation, Key(PIPELINE, repository, pipeline), name)


def require(generation: Generation, key: Key, name: str) -> None:
    """Raises NOT_FOUND, for a resource name, unless the generation lists what it names."""
    if key.repository not in generation.repositories:
        above = name.rpartition(f"/{key.kind.collection}/")[0]
        raise refusals.unknown("repository", above, generation.repositories)
    known = generation.names(key.kind, key.repository)
    if key.name not in known:
        raise refusals.unknown(key.kind.noun, name, known)


def _repository(generation: Generation, repository: str, name: str) -> bytes:
    answer = generation.answers.get(("repository", repository))
    if answer is None:
        found = generation.repositories.get(repository)
        if found is None:
            raise refusals.unknown("repository", name, generation.repositories)
        answer = generation.answers["repository", repository] = found.SerializeToString()
    return answer


def _repositories(generation: Generation) -> bytes:
    answer = generation.answers.get(("repositories",))
    if answer is None:
        message = pb.ListRepositoriesResponse(repositories=generation.repositories.values())
        answer = generation.answers["repositories",] = message.SerializeToString()
    return answer


def _summaries(
    kind: Kind, response: type[_Listed], generation: Generation, repository: str
) -> bytes:
    answer = generation.answers.get((kind.collection, repository))
    if answer is None:
        message = response()
        for name, found in generation.repositories.items():
            if repository in (_ANY, name):
                getattr(message, kind.field).extend(getattr(found, kind.field))
        answer = generation.answers[kind.collection, repository] = message.SerializeToString()
    return answer
