"""RepositoryService: definitions, from memory; after a restart from what was kept on disk."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import TypeVar

from google.protobuf import json_format

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import names, refusals, run_config
from hostler.daemon.facade.admission import Context
from hostler.daemon.facade.lookup import (
    answering_of,
    find_location,
    require_not_stopping,
)
from hostler.daemon.facade.paging import (
    NamedMessage,
    PagePlace,
    list_page,
    page_of,
    page_place,
    page_token,
)
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.facade.schedule import ScheduleRequests
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import PARTITION_SET, PIPELINE, SCHEDULE, DefinitionKind
from hostler.daemon.supervision.supervisor import Supervisor
from hostler.v1 import definitions_pb2
from hostler.v1 import repository_pb2 as pb

_ALL = "-"

#: Ticks of a preview: each may call three of the user's functions.
_DEFAULT_TICKS = 5
_MAX_TICKS = 100

#: Partitions in a page: a set of some years' hours is 1 MB of names, and takes a moment to make.
_PARTITIONS_PER_PAGE = 10_000

#: Locations that a list names as absent.
_MOST_UNREACHABLE = 10_000

#: The last second that datetime has in every time zone: in the year 9999.
_LAST_SECOND = 253_000_000_000

_ListResponse = TypeVar(
    "_ListResponse",
    pb.ListPipelinesResponse,
    pb.ListSchedulesResponse,
    pb.ListPartitionSetsResponse,
)
_Item = TypeVar("_Item", bound=NamedMessage)
_ListRequest = pb.ListPipelinesRequest | pb.ListSchedulesRequest | pb.ListPartitionSetsRequest
_GetRequest = pb.GetPipelineRequest | pb.GetScheduleRequest | pb.GetPartitionSetRequest


class RepositoryService:
    """Implements hostler.v1.RepositoryService.

    Answers are serialized once for each generation. An answer for several locations is the
    bytes of each, joined: protobuf merges repeated fields so.
    """

    def __init__(
        self, supervisor: Supervisor, queries: DefinitionQueries, settings: Settings
    ) -> None:
        self._supervisor = supervisor
        self._settings = settings
        self._page_bytes = settings.page_bytes
        self._queries = queries
        self._schedules = ScheduleRequests(supervisor, queries, settings)

    async def list_repositories(
        self, request: pb.ListRepositoriesRequest, _: Context
    ) -> pb.ListRepositoriesResponse | bytes:
        (location,) = names.parse(request.parent, 1, wildcards=True)
        answer = b"".join(_repositories(of) for of in self._generations(location))
        absent = pb.ListRepositoriesResponse(unreachable=self._unreachable(location))
        if self._is_one_page(answer, request):
            return answer + absent.SerializeToString()
        items, token = self._page(
            pb.ListRepositoriesResponse.FromString(answer).repositories, request
        )
        page = pb.ListRepositoriesResponse(repositories=items, next_page_token=token)
        page.MergeFrom(absent)
        return page

    async def get_repository(self, request: pb.GetRepositoryRequest, _: Context) -> bytes:
        location, repository = names.parse(request.name, 2)
        generation = answering_of(find_location(self._supervisor, f"locations/{location}"))
        return _repository(generation, repository, request.name)

    async def list_pipelines(
        self, request: pb.ListPipelinesRequest, _: Context
    ) -> pb.ListPipelinesResponse | bytes:
        return self._list(PIPELINE, pb.ListPipelinesResponse, request)

    async def get_pipeline(self, request: pb.GetPipelineRequest, context: Context) -> bytes:
        return await self._get(PIPELINE, request, context)

    async def validate_run_config(
        self, request: pb.ValidateRunConfigRequest, context: Context
    ) -> pb.ValidateRunConfigResponse:
        return await run_config.validate(self._queries, context, request, self._settings)

    async def get_config_schema(
        self, request: pb.GetConfigSchemaRequest, context: Context
    ) -> pb.GetConfigSchemaResponse:
        return await run_config.schema(self._queries, context, request)

    async def list_schedules(
        self, request: pb.ListSchedulesRequest, _: Context
    ) -> pb.ListSchedulesResponse | bytes:
        return self._schedules.with_activity(
            self._list(SCHEDULE, pb.ListSchedulesResponse, request)
        )

    async def get_schedule(self, request: pb.GetScheduleRequest, context: Context) -> bytes:
        return self._schedules.with_own_activity(await self._get(SCHEDULE, request, context))

    async def start_schedule(self, request: pb.StartScheduleRequest, context: Context) -> bytes:
        require_not_stopping(self._supervisor)
        described = await self._queries.definition(context, SCHEDULE, request.name)
        return await self._schedules.start(request.name, described)

    async def stop_schedule(self, request: pb.StopScheduleRequest, context: Context) -> bytes:
        require_not_stopping(self._supervisor)
        return await self._schedules.stop(context, request.name)

    async def list_ticks(self, request: pb.ListTicksRequest, _: Context) -> pb.ListTicksResponse:
        return await self._schedules.ticks(request)

    async def preview_schedule(
        self, request: pb.PreviewScheduleRequest, context: Context
    ) -> pb.PreviewScheduleResponse:
        count = request.count or _DEFAULT_TICKS
        if not 0 < count <= _MAX_TICKS:
            raise refusals.invalid(
                f"cannot preview {count} ticks; "
                f"expected 1 to {_MAX_TICKS}, or 0 for {_DEFAULT_TICKS}"
            )
        after = request.after_time.seconds if request.HasField("after_time") else int(time.time())
        if not 0 <= after <= _LAST_SECOND:
            raise refusals.invalid(f"cannot preview after {after} s; expected a time since 1970")
        said = await self._queries.call(
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
        size = min(request.page_size or _PARTITIONS_PER_PAGE, _PARTITIONS_PER_PAGE)
        position, last = page_place(request.page_token, request.parent)
        said = await self._queries.call(
            context,
            PARTITION_SET,
            request.parent,
            "list_partitions",
            start=position,
            after=last,
            size=size,
        )
        listed = said["names"]
        partitions = [
            definitions_pb2.Partition(name=f"{request.parent}/partitions/{name}") for name in listed
        ]
        count = page_of(partitions, self._page_bytes) if partitions else 0
        partitions = partitions[:count]
        end = said["start"] + count
        token = ""
        if partitions and end < said["count"]:
            token = page_token(PagePlace(end, listed[count - 1]), request.parent)
        return pb.ListPartitionsResponse(partitions=partitions, next_page_token=token)

    async def get_partition(
        self, request: pb.GetPartitionRequest, context: Context
    ) -> definitions_pb2.Partition:
        parent, partition = names.parse_partition(request.name, PARTITION_SET)
        said = await self._queries.call(
            context, PARTITION_SET, parent, "describe_partition", partition=partition
        )
        if said["partition"] is None:
            raise refusals.unknown("partition", request.name, said["nearest"], partition)
        found = json_format.ParseDict(said["partition"], definitions_pb2.Partition())
        found.name = request.name
        return found

    def _list(
        self, kind: DefinitionKind, response: type[_ListResponse], request: _ListRequest
    ) -> _ListResponse | bytes:
        location, repository = names.parse(request.parent, 2, wildcards=True)
        generations = self._generations(location)
        if repository != _ALL and not any(repository in of.repositories for of in generations):
            known = [name for of in generations for name in of.repositories]
            raise refusals.unknown("repository", request.parent, known)
        answer = b"".join(_summaries(kind, response, of, repository) for of in generations)
        absent = response(unreachable=self._unreachable(location))
        if self._is_one_page(answer, request):
            return answer + absent.SerializeToString()
        items, token = self._page(getattr(response.FromString(answer), kind.field), request)
        page = response(next_page_token=token, unreachable=absent.unreachable)
        getattr(page, kind.field).extend(items)
        return page

    def _is_one_page(
        self, answer: bytes, request: pb.ListRepositoriesRequest | _ListRequest
    ) -> bool:
        """Returns whether a caller that names no page gets all items at once."""
        is_paged = request.page_size or request.page_token
        return not is_paged and len(answer) <= self._page_bytes

    def _page(
        self, items: Sequence[_Item], request: pb.ListRepositoriesRequest | _ListRequest
    ) -> tuple[Sequence[_Item], str]:
        """Returns the items of a page, and the next page's token, "" for none."""
        bound = f"{type(request).__name__} {request.parent}"
        part, token = list_page(
            items, request.page_size, request.page_token, bound, self._page_bytes
        )
        return items[part], token

    def _unreachable(self, location: str) -> list[str]:
        """Returns the names of the locations that an answer for all lacks: they never loaded."""
        if location != _ALL:
            return []
        locations = self._supervisor.locations.items()
        absent = (f"locations/{name}" for name, each in locations if each.generation is None)
        return list(islice(absent, _MOST_UNREACHABLE))

    async def _get(self, kind: DefinitionKind, request: _GetRequest, context: Context) -> bytes:
        return await self._queries.definition(context, kind, request.name)

    def _generations(self, location: str) -> list[Generation]:
        """Returns the generation of a location, or, for "-", of each location that has one."""
        if location != _ALL:
            return [answering_of(find_location(self._supervisor, f"locations/{location}"))]
        locations = self._supervisor.locations.values()
        return [each.answering for each in locations if each.answering is not None]


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
    kind: DefinitionKind, response: type[_ListResponse], generation: Generation, repository: str
) -> bytes:
    answer = generation.answers.get((kind.collection, repository))
    if answer is None:
        message = response()
        for name, found in generation.repositories.items():
            if repository in (_ALL, name):
                getattr(message, kind.field).extend(getattr(found, kind.field))
        answer = generation.answers[kind.collection, repository] = message.SerializeToString()
    return answer
