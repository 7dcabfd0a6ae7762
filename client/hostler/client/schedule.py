"""The schedules' calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.client.channel import Calls
from hostler.client.lookup import find_definition
from hostler.client.names import ALL, definition_name, repository_name
from hostler.v1 import repository_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime

    from hostler.v1.definitions_pb2 import Schedule, ScheduleSummary, ScheduleTick


class ScheduleCalls(Calls):
    """RepositoryService, as far as it is about schedules."""

    def schedules(
        self, location: str | None = None, repository: str | None = None
    ) -> list[ScheduleSummary]:
        """The schedules of a repository, of a location, or of all; constructs nothing."""
        request = pb.ListSchedulesRequest(
            parent=repository_name(location or ALL, repository or ALL)
        )
        pages = self._pages(self._repository.ListSchedules, request)
        return [schedule for page in pages for schedule in page.schedules]

    def schedule(self, location: str, repository: str, name: str) -> Schedule:
        """One schedule; a lazy one is constructed.

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
        """The next moments at which a schedule is due, with what each run would be launched with.

        Args:
            count: of them, at most 100.
            after: only those after it, an aware datetime; after now if left out.

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

    def find_schedule(
        self, name: str, location: str | None = None, repository: str | None = None
    ) -> ScheduleSummary:
        """The one schedule of that name in the locations that answer.

        Raises:
            NotFoundError: there is none; the message names the nearest ones.
            AmbiguousNameError: there are several; the message lists them.
        """
        return find_definition("schedule", name, self.schedules(location, repository))
