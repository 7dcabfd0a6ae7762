"""The calls about schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.client.channel import Calls
from hostler.client.lookup import find_definition
from hostler.client.names import ALL, definition_name, repository_name
from hostler.v1 import repository_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hostler.v1.definitions_pb2 import Schedule, ScheduleSummary, ScheduleTick, Tick

#: Ticks in one answer; the daemon gives no more at once.
_TICKS = 1000


class ScheduleCalls(Calls):
    """Makes the calls of RepositoryService about schedules."""

    def schedules(
        self, location: str | None = None, repository: str | None = None
    ) -> list[ScheduleSummary]:
        """Returns the schedules of a repository, of a location, or of all; constructs none."""
        request = pb.ListSchedulesRequest(
            parent=repository_name(location or ALL, repository or ALL)
        )
        pages = self._pages(self._repository.ListSchedules, request)
        return [schedule for page in pages for schedule in page.schedules]

    def schedule(self, location: str, repository: str, name: str) -> Schedule:
        """Returns one schedule; the location constructs a lazy one.

        Raises:
            NotFoundError: there is none of that name.
            UserCodeError: the function that constructs it raised.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        resource = definition_name(location, repository, "schedules", name)
        return self._unary(self._repository.GetSchedule, pb.GetScheduleRequest(name=resource))

    def preview_schedule(
        self,
        location: str,
        repository: str,
        name: str,
        *,
        count: int = 5,
        after: datetime | None = None,
    ) -> list[ScheduleTick]:
        """Returns the next times at which a schedule is due, with what each would launch.

        Args:
            count: how many times, at most 100.
            after: only times after this aware datetime; after now where it is left out.

        Raises:
            NotFoundError: there is none of that name.
            UserCodeError: one of the schedule's functions raised.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        request = pb.PreviewScheduleRequest(
            name=definition_name(location, repository, "schedules", name), count=count
        )
        if after is not None:
            request.after_time.FromDatetime(after)
        return list(self._unary(self._repository.PreviewSchedule, request).ticks)

    def start_schedule(self, location: str, repository: str, name: str) -> Schedule:
        """Has a schedule launch runs from now on, whatever its code says; returns it.

        The daemon keeps the choice until `stop_schedule`; a lazy schedule is constructed.

        Raises:
            NotFoundError: there is none of that name.
            UserCodeError: the function that constructs it raised.
            NotReadyError, LoadFailedError: the location does not answer.
            NotRecordedError: the daemon's disk is full.
        """
        resource = definition_name(location, repository, "schedules", name)
        return self._unary(self._repository.StartSchedule, pb.StartScheduleRequest(name=resource))

    def stop_schedule(self, location: str, repository: str, name: str) -> Schedule:
        """Has a schedule launch no runs from now on, whatever its code says; returns it.

        Ticks that wait are skipped; runs that were launched go on. Of a location that does not
        answer, the schedule has a name and an activity alone.

        Raises:
            NotFoundError: there is none of that name.
            NotRecordedError: the daemon's disk is full.
        """
        resource = definition_name(location, repository, "schedules", name)
        return self._unary(self._repository.StopSchedule, pb.StopScheduleRequest(name=resource))

    def ticks(
        self,
        location: str,
        repository: str,
        name: str,
        limit: int | None = None,
        *,
        states: Iterable[Tick.State.ValueType] = (),
    ) -> list[Tick]:
        """Returns the record of a schedule's ticks, newest first; at most `limit`.

        Args:
            limit: None for all.
            states: only ticks in one of these states.

        Raises:
            NotFoundError: there is no schedule of that name.
        """
        request = pb.ListTicksRequest(
            parent=definition_name(location, repository, "schedules", name),
            page_size=min(limit or _TICKS, _TICKS),
            states=states,
        )
        found: list[Tick] = []
        for page in self._pages(self._repository.ListTicks, request):
            found.extend(page.ticks)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def find_schedule(
        self, name: str | None, location: str | None = None, repository: str | None = None
    ) -> ScheduleSummary:
        """Returns the one schedule of that name in the locations that answer.

        Args:
            name: the schedule's name; None for the only one that there is.
            location: look in this location only.
            repository: look in repositories of this name only.

        Raises:
            NotFoundError: there is none; the message names the nearest ones.
            AmbiguousNameError: there are several; the message lists them.
        """
        return find_definition("schedule", name, self.schedules(location, repository))
