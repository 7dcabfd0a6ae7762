"""RunService: launching, listing, watching, cancelling and deleting runs."""

from collections.abc import AsyncIterator

from google.protobuf import duration_pb2, empty_pb2, timestamp_pb2

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import names, partition, refusals
from hostler.daemon.facade.admission import Context
from hostler.daemon.facade.lookup import (
    find_location,
    generation_of,
    require_not_stopping,
    require_pipeline,
)
from hostler.daemon.facade.paging import page_of, run_page_start, run_page_token
from hostler.daemon.facade.pipeline_tags import with_tags_of_pipeline
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.facade.validation import require_config
from hostler.daemon.runs.runs import Runs
from hostler.daemon.runs.store.record import RunFilter, pipeline_parts
from hostler.daemon.runs.store.run_store import NotRecordedError, StoreClosedError
from hostler.daemon.runs.store.tables import RequestIdConflictError, RunActiveError, UnknownRunError
from hostler.daemon.supervision.supervisor import Supervisor
from hostler.v1 import run_pb2 as pb

#: Runs of a page whose caller names no size: more than a screen, and made within milliseconds.
DEFAULT_PAGE_SIZE = 100

#: Runs of any page: a run may hold a large config.
MAX_PAGE_SIZE = 1000

#: Characters; a UUID has 36.
MAX_REQUEST_ID_LENGTH = 128

#: Tags of a filter: SQLite joins no more than 64 tables.
MAX_FILTER_TAGS = 50

#: The tags that only the daemon sets.
RESERVED_TAGS = "hostler/"

#: The tag of a run of a backfill: the backfill's id.
BACKFILL_TAG = "hostler/backfill"

#: The range of the record's times, which are nanoseconds in 64 bits.
_FIRST_TIME, _LAST_TIME = -(2**63), 2**63 - 1


class RunService:
    """Implements hostler.v1.RunService."""

    def __init__(
        self, supervisor: Supervisor, runs: Runs, queries: DefinitionQueries, settings: Settings
    ) -> None:
        self._supervisor = supervisor
        self._runs = runs
        self._queries = queries
        self._settings = settings

    async def launch_run(self, request: pb.LaunchRunRequest, context: Context) -> pb.Run:
        require_not_stopping(self._supervisor)
        await require_config(request.run_config, self._settings)
        requested = self._requested_run(request)
        try:
            earlier = await self._runs.find_launched(requested)
            if earlier is not None:
                return earlier
            location_name, _repository, _pipeline = names.parse(request.pipeline, 3)
            location = find_location(self._supervisor, f"locations/{location_name}")
            generation = generation_of(location)
            require_pipeline(generation, request.pipeline)
            run = requested
            if requested.partition:
                generation, run = await partition.with_partition(self._queries, context, requested)
                await require_config(run.run_config, self._settings)
            run = await with_tags_of_pipeline(self._queries, context, run)
            require_not_stopping(self._supervisor)
            return await self._runs.launch(
                run, location, generation, asked=None if run is requested else requested
            )
        except RequestIdConflictError as error:
            message = f"cannot launch with request_id {request.request_id!r}: {error} has it"
            raise refusals.invalid(f"{message}, with another content") from error
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error

    async def get_run(self, request: pb.GetRunRequest, _: Context) -> pb.Run:
        return await self._find(request.name)

    async def list_runs(self, request: pb.ListRunsRequest, _: Context) -> pb.ListRunsResponse:
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        before = run_page_start(request.page_token, request.filter)
        # one more than the page holds shows whether there is another page
        wanted = _run_filter(request.filter)
        found = await self._runs.store.page(wanted, size + 1, before, self._settings.page_bytes)
        count = min(size, page_of([run for _, run in found], self._settings.page_bytes))
        token = ""
        if len(found) > count:
            token = run_page_token(found[count - 1][0], request.filter)
        return pb.ListRunsResponse(runs=[run for _, run in found[:count]], next_page_token=token)

    async def watch_run(self, request: pb.WatchRunRequest, _: Context) -> AsyncIterator[bytes]:
        run = await self._find(request.name)
        events = self._runs.store.follow(names.run_id(run.name), request.after_sequence)
        try:
            async for event in events:
                yield event
        except StoreClosedError:
            raise refusals.shutting_down() from None

    async def cancel_run(self, request: pb.CancelRunRequest, _: Context) -> pb.Run:
        run = await self._find(request.name)
        reason = "it was killed on request" if request.kill else "a cancel was asked for"
        try:
            await self._runs.cancel(names.run_id(run.name), reason, kill=request.kill)
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error
        return await self._find(request.name)

    async def delete_run(self, request: pb.DeleteRunRequest, _: Context) -> empty_pb2.Empty:
        try:
            await self._runs.store.delete(names.run_id(request.name))
        except UnknownRunError:
            raise refusals.unknown("run", request.name, ()) from None
        except RunActiveError:
            raise refusals.run_active(request.name) from None
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error
        return empty_pb2.Empty()

    async def _find(self, name: str) -> pb.Run:
        run = await self._runs.store.get(names.run_id(name))
        if run is None:
            raise refusals.unknown("run", name, ())
        return run

    def _requested_run(self, request: pb.LaunchRunRequest) -> pb.Run:
        if len(request.request_id) > MAX_REQUEST_ID_LENGTH:
            length = len(request.request_id)
            raise refusals.invalid(
                f"cannot use a request_id of {length} characters; at most {MAX_REQUEST_ID_LENGTH}"
            )
        reserved = [key for key in request.tags if key.startswith(RESERVED_TAGS)]
        if reserved:
            raise refusals.invalid(
                f"cannot set the tag {reserved[0]!r}: the daemon alone sets tags that begin with "
                f"{RESERVED_TAGS!r}; name it otherwise"
            )
        timeout = duration_pb2.Duration()
        timeout.FromNanoseconds(int(self._settings.run_timeout * 1e9))
        if request.HasField("timeout"):
            timeout = request.timeout
        if timeout.ToNanoseconds() < 0:
            raise refusals.invalid("cannot use a negative timeout; 0 is for none")
        tags = dict(request.tags)
        if request.backfill:
            tags[BACKFILL_TAG] = request.backfill
        return pb.Run(
            pipeline=request.pipeline,
            run_config=request.run_config,
            tags=tags,
            request_id=request.request_id,
            timeout=timeout if timeout.ToNanoseconds() else None,
            solids=request.solids,
            max_concurrency=request.max_concurrency,
            partition=request.partition,
        )


def _run_filter(wanted: pb.RunFilter) -> RunFilter:
    if len(wanted.tags) > MAX_FILTER_TAGS:
        raise refusals.invalid(
            f"cannot filter by {len(wanted.tags)} tags; at most {MAX_FILTER_TAGS}"
        )
    location, repository, pipeline = "", "", wanted.pipeline
    if "/" in pipeline:
        location, repository, pipeline = pipeline_parts(pb.Run(pipeline=pipeline))
        if not (location and repository and pipeline):
            raise refusals.invalid(
                f"cannot filter by the pipeline {wanted.pipeline!r}; expected its name alone or "
                "locations/{location}/repositories/{repository}/pipelines/{pipeline}"
            )
    if wanted.location:
        named = wanted.location.removeprefix("locations/")
        if named == wanted.location or location not in ("", named):
            expected = f"locations/{location}" if location else "locations/{location}"
            message = f"cannot filter by the location {wanted.location!r}; expected {expected}"
            raise refusals.invalid(message)
        location = named
    return RunFilter(
        location=location,
        repository=repository,
        pipeline=pipeline,
        states=frozenset(wanted.states),
        tags=tuple(sorted(wanted.tags.items())),
        created_from=_nanoseconds("create_time_from", wanted.create_time_from),
        created_before=(
            # at 1970 itself it is no bound to the record
            _nanoseconds("create_time_before", wanted.create_time_before) or 1
            if wanted.HasField("create_time_before")
            else 0
        ),
    )


def _nanoseconds(name: str, time: timestamp_pb2.Timestamp) -> int:
    found = time.seconds * 1_000_000_000 + time.nanos
    if not _FIRST_TIME <= found <= _LAST_TIME:
        raise refusals.invalid(
            f"cannot filter by {name} {time.seconds} s; expected a time from 1678 to 2262"
        )
    return found
