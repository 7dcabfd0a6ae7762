"""The requests of RepositoryService about what schedules do: start, stop, ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.facade import names, refusals
from hostler.daemon.facade.lookup import find_location, generation_of
from hostler.daemon.facade.paging import page_of, page_position, position_token
from hostler.daemon.generations.kinds import SCHEDULE, DefinitionKey
from hostler.daemon.runs.store.run_store import NotRecordedError
from hostler.daemon.runs.store.schedule_record import ScheduleKey, ScheduleSummary, tick_time
from hostler.daemon.schedules.schedules import summary_of
from hostler.v1 import definitions_pb2
from hostler.v1 import repository_pb2 as pb

if TYPE_CHECKING:
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.facade.admission import Context
    from hostler.daemon.facade.queries import DefinitionQueries
    from hostler.daemon.supervision.supervisor import Supervisor

Schedule = definitions_pb2.Schedule

#: Next ticks of one schedule, and of each in a list.
_NEXT_TICKS, _NEXT_TICKS_IN_LIST = 5, 1

#: Ticks of a page whose caller names no size, and of any page.
_DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE = 100, 1000


class ScheduleRequests:
    """Answers for the schedules that are on record."""

    def __init__(
        self, supervisor: Supervisor, queries: DefinitionQueries, settings: Settings
    ) -> None:
        self._page_bytes = settings.page_bytes
        self._supervisor = supervisor
        self._schedules = supervisor.schedules
        self._queries = queries

    def with_activity(self, answer: pb.ListSchedulesResponse | bytes) -> pb.ListSchedulesResponse:
        """Returns a list with what each of its schedules does now."""
        if isinstance(answer, bytes):
            answer = pb.ListSchedulesResponse.FromString(answer)
        for item in answer.schedules:
            key = _key(item.name)
            activity = self._schedules.activity(key, item.tick_policy, _NEXT_TICKS_IN_LIST)
            if activity.HasField("last_tick"):
                activity.last_tick.ClearField("exception")  # a traceback is for one schedule
            item.activity.CopyFrom(activity)
        return answer

    def with_own_activity(self, described: bytes) -> bytes:
        """Returns a serialized schedule with what it does now."""
        schedule = Schedule.FromString(described)
        return described + self._activity(_key(schedule.name), schedule)

    async def start(self, name: str, described: bytes) -> bytes:
        """Has a schedule run from now on.

        Args:
            described: the serialized schedule.
        """
        key, schedule = _key(name), Schedule.FromString(described)
        await self._choose(key, summary_of(schedule), is_running=True)
        return described + self._activity(key, schedule)

    async def stop(self, context: Context, name: str) -> bytes:
        """Has a schedule run no longer, also where its location does not answer.

        Raises:
            RefusalError: there is no such schedule, or nothing is known of it.
        """
        key = _key(name)
        known = self._schedules.summary(key)
        location = self._supervisor.find_location(key.location)
        generation = location.generation if location is not None else None
        definition = DefinitionKey(SCHEDULE, key.repository, key.name)
        is_listed = generation is not None and definition in generation.listed
        if known is None or is_listed:
            described = await self._queries.definition(context, SCHEDULE, name)
        else:
            described = Schedule(name=name).SerializeToString()
        schedule = Schedule.FromString(described)
        summary = summary_of(schedule) if known is None or is_listed else known
        await self._choose(key, summary, is_running=False)
        return described + self._activity(key, schedule)

    async def ticks(self, request: pb.ListTicksRequest) -> pb.ListTicksResponse:
        """Returns a page of a schedule's ticks."""
        key = _key(request.parent)
        if self._schedules.summary(key) is None:
            self._require_listed(key, request.parent)
        size = min(request.page_size or _DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE)
        same = pb.ListTicksRequest(parent=request.parent, states=sorted(request.states))
        bound = same.SerializeToString(deterministic=True)
        before = page_position(request.page_token, bound) or None
        # one more than the page holds shows whether there is another page
        found = await self._schedules.ticks(key, same.states, before, size + 1)
        count = min(size, page_of(found, self._page_bytes))
        token = position_token(tick_time(found[count - 1]), bound) if len(found) > count else ""
        return pb.ListTicksResponse(ticks=found[:count], next_page_token=token)

    def _require_listed(self, key: ScheduleKey, name: str) -> None:
        generation = generation_of(find_location(self._supervisor, f"locations/{key.location}"))
        if DefinitionKey(SCHEDULE, key.repository, key.name) not in generation.listed:
            raise refusals.unknown("schedule", name, generation.names(SCHEDULE, key.repository))

    async def _choose(
        self, key: ScheduleKey, summary: ScheduleSummary, *, is_running: bool
    ) -> None:
        try:
            await self._schedules.choose(key, summary, is_running=is_running)
        except NotRecordedError as error:
            raise refusals.not_recorded(error) from error

    def _activity(self, key: ScheduleKey, schedule: Schedule) -> bytes:
        found = self._schedules.activity(key, schedule.tick_policy, _NEXT_TICKS)
        return Schedule(activity=found).SerializeToString()


def _key(name: str) -> ScheduleKey:
    return ScheduleKey(*names.parse(name, 3, kind=SCHEDULE))
