"""WorkspaceService: shows, reloads, restarts, starts and stops locations; watches; reads logs."""

import contextlib
import sys
from collections.abc import AsyncIterator, Sequence

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade.lookup import find_location, require_not_stopping
from hostler.daemon.facade.paging import page_slice
from hostler.daemon.facade.server import Context, await_for_caller
from hostler.daemon.locations.location import Location
from hostler.daemon.logs.location import LogLine
from hostler.daemon.supervision import presentation
from hostler.daemon.supervision.change_feed import FollowerLaggedError
from hostler.daemon.supervision.supervisor import Supervisor
from hostler.v1 import workspace_pb2 as pb

_STREAMS = {"stdout": pb.LogLine.STDOUT, "stderr": pb.LogLine.STDERR, "daemon": pb.LogLine.DAEMON}


class WorkspaceService:
    """Implements hostler.v1.WorkspaceService."""

    def __init__(
        self, supervisor: Supervisor, settings: Settings, version: str, state_directory: str
    ) -> None:
        self._supervisor = supervisor
        self._settings = settings
        self._version = version
        self._state_directory = state_directory

    async def get_workspace(self, _request: pb.GetWorkspaceRequest, _: Context) -> pb.Workspace:
        return self._workspace()

    async def list_locations(
        self, request: pb.ListLocationsRequest, _: Context
    ) -> pb.ListLocationsResponse:
        locations = list(self._supervisor.locations.values())
        part, token = page_slice(len(locations), request.page_size, request.page_token)
        messages = map(self._supervisor.location_message, locations[part])
        return pb.ListLocationsResponse(locations=messages, next_page_token=token)

    async def get_location(self, request: pb.GetLocationRequest, _: Context) -> pb.Location:
        return self._supervisor.location_message(find_location(self._supervisor, request.name))

    async def reload_locations(
        self, request: pb.ReloadLocationsRequest, context: Context
    ) -> pb.ReloadLocationsResponse:
        require_not_stopping(self._supervisor)
        locations = self._locations_named(request.names)
        for location in locations:
            location.reload()
        messages = await self._messages_after_load(context, locations, wait=not request.no_wait)
        return pb.ReloadLocationsResponse(locations=messages)

    async def restart_locations(
        self, request: pb.RestartLocationsRequest, context: Context
    ) -> pb.RestartLocationsResponse:
        require_not_stopping(self._supervisor)
        locations = self._locations_named(request.names)
        for location in locations:
            location.restart()
        messages = await self._messages_after_load(context, locations, wait=not request.no_wait)
        return pb.RestartLocationsResponse(locations=messages)

    async def start_location(
        self, request: pb.StartLocationRequest, context: Context
    ) -> pb.Location:
        require_not_stopping(self._supervisor)
        location = find_location(self._supervisor, request.name)
        location.start()
        await await_for_caller(context, self._settings, location.name, location.settled())
        return self._supervisor.location_message(location)

    async def stop_location(self, request: pb.StopLocationRequest, context: Context) -> pb.Location:
        location = find_location(self._supervisor, request.name)
        location.stop()
        await await_for_caller(context, self._settings, location.name, location.ended())
        return self._supervisor.location_message(location)

    async def watch_workspace(
        self, request: pb.WatchWorkspaceRequest, _: Context
    ) -> AsyncIterator[pb.WorkspaceChange | bytes]:
        changes = self._supervisor.changes
        after = request.after_revision
        if request.history and after <= changes.revision:
            after = max(after, changes.oldest - 1)
        elif not after or after > changes.revision:  # a revision of an earlier daemon
            after = changes.revision
            yield self._snapshot()
        while True:
            try:
                async for change in changes.follow(after):
                    after = change.revision
                    yield change.message
            except FollowerLaggedError:
                after = changes.revision
                yield self._snapshot()

    async def read_logs(self, request: pb.ReadLogsRequest, _: Context) -> AsyncIterator[pb.LogLine]:
        log = find_location(self._supervisor, request.name).log
        count = 0 if request.skip_history else request.last or sys.maxsize
        if not request.follow:
            for line in log.tail(count):
                yield _log_line_message(line)
            return
        with contextlib.closing(log.follow(count)) as follower:
            async for line in follower:
                yield _log_line_message(line)

    def _workspace(self) -> pb.Workspace:
        message = self._supervisor.workspace_message()
        daemon = presentation.daemon_message(self._version, self._state_directory)
        message.daemon.CopyFrom(daemon)
        return message

    def _snapshot(self) -> pb.WorkspaceChange:
        change = pb.WorkspaceChange(
            revision=self._supervisor.changes.revision, workspace=self._workspace()
        )
        change.time.GetCurrentTime()
        return change

    def _locations_named(self, wanted: Sequence[str]) -> list[Location]:
        if not wanted:
            return list(self._supervisor.locations.values())
        return [find_location(self._supervisor, name) for name in wanted]

    async def _messages_after_load(
        self, context: Context, locations: Sequence[Location], *, wait: bool
    ) -> list[pb.Location]:
        """Returns the locations, with `wait` once their loads have ended."""
        for location in locations if wait else ():  # the loads go on side by side
            await await_for_caller(context, self._settings, location.name, location.settled())
        return [self._supervisor.location_message(location) for location in locations]


def _log_line_message(line: LogLine) -> pb.LogLine:
    message = pb.LogLine(stream=_STREAMS[line.stream], text=line.text, pid=line.pid, role=line.role)
    message.time.FromNanoseconds(int(line.time * 1e9))
    return message
