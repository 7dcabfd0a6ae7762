"""RunService: launching, listing, watching, cancelling and deleting runs."""

from collections.abc import AsyncIterator

from google.protobuf import duration_pb2, empty_pb2

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import many_runs, names, partition, refusals, run_config
from hostler.daemon.facade.admission import Context
from hostler.daemon.facade.lookup import (
    answering_of,
    code_of,
    find_location,
    require_not_stopping,
    require_pipeline,
)
from hostler.daemon.facade.paging import page_of, page_position, position_token
from hostler.daemon.facade.pipeline_tags import with_tags_of_pipeline
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.facade.run_filter import run_filter
from hostler.daemon.facade.validation import require_config
from hostler.daemon.runs.runs import Runs
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

#: The tags that only the daemon sets.
RESERVED_TAGS = "hostler/"

#: The tag of a run of a backfill: the backfill's id.
BACKFILL_TAG = "hostler/backfill"


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
            require_pipeline(answering_of(location), request.pipeline)
            run, generation = requested, None
            if requested.partition:
                generation, run = await partition.with_partition(self._queries, context, requested)
                await require_config(run.run_config, self._settings)
            run = await with_tags_of_pipeline(self._queries, context, run)
            run.progress.total = await run_config.require_fit(self._queries, context, run)
            require_not_stopping(self._supervisor)
            generation = generation or code_of(location)
            asked = None if run is requested else requested
            return await self._runs.launch(run, location, generation, asked=asked)
        except RequestIdConflictError as error:
            message = f"cannot launch with request_id {request.request_id!r}: {error} has it"
            raise refusals.invalid(f"{message}, with another content") from error
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error

    async def get_run(self, request: pb.GetRunRequest, _: Context) -> pb.Run:
        return await self._find(request.name)

    async def list_runs(self, request: pb.ListRunsRequest, _: Context) -> pb.ListRunsResponse:
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        bound = request.filter.SerializeToString(deterministic=True)
        before = page_position(request.page_token, bound) or None
        # one more than the page holds shows whether there is another page
        wanted = run_filter(request.filter)
        found = await self._runs.store.page(wanted, size + 1, before, self._settings.page_bytes)
        count = min(size, page_of([run for _, run in found], self._settings.page_bytes))
        token = ""
        if len(found) > count:
            token = position_token(found[count - 1][0], bound)
        return pb.ListRunsResponse(runs=[run for _, run in found[:count]], next_page_token=token)

    async def watch_run(self, request: pb.WatchRunRequest, _: Context) -> AsyncIterator[bytes]:
        run = await self._find(request.name)
        store = self._runs.store
        follow = store.follow_joined if request.join_lines else store.follow
        events = follow(names.run_id(run.name), request.after_sequence)
        try:
            async for event in events:
                yield event
        except StoreClosedError:
            raise refusals.shutting_down() from None

    async def watch_runs(self, request: pb.WatchRunsRequest, _: Context) -> AsyncIterator[bytes]:
        async for message in many_runs.watch(self._runs.store, request, self._settings):
            yield message

    async def count_runs(self, request: pb.CountRunsRequest, _: Context) -> pb.CountRunsResponse:
        counts = await self._runs.store.counts(run_filter(request.filter))
        found = [pb.RunCount(state=each, count=counts[each]) for each in sorted(counts)]  # type: ignore[arg-type]  # the record has known states
        return pb.CountRunsResponse(counts=found, total=sum(counts.values()))

    async def list_steps(self, request: pb.ListStepsRequest, _: Context) -> pb.ListStepsResponse:
        run = await self._find(request.parent)
        size = min(request.page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
        start = page_position(request.page_token, request.parent)
        # one more than the page holds shows whether there is another page
        found = await self._runs.store.steps(names.run_id(run.name), size + 1, start)
        steps = [pb.Step.FromString(data) for _, data in found]
        count = min(size, page_of(steps, self._settings.page_bytes))
        token = position_token(found[count - 1][0], request.parent) if len(found) > count else ""
        return pb.ListStepsResponse(steps=steps[:count], next_page_token=token)

    async def cancel_runs(self, request: pb.CancelRunsRequest, _: Context) -> pb.CancelRunsResponse:
        try:
            return await many_runs.cancel(self._runs, request)
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error

    async def delete_runs(self, request: pb.DeleteRunsRequest, _: Context) -> pb.DeleteRunsResponse:
        try:
            return await many_runs.delete(self._runs, request)
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error

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

    async def compact_record(
        self, _request: pb.CompactRecordRequest, _: Context
    ) -> pb.CompactRecordResponse:
        try:
            before, after = await self._runs.store.compact()
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error
        return pb.CompactRecordResponse(bytes_before=before, bytes_after=after)

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
            debugging=request.debugging if request.HasField("debugging") else None,
        )
