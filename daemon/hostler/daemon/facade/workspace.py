"""WorkspaceService: shows, reloads, restarts, starts and stops locations; watches; reads logs."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from hostler.daemon.base.settings import Settings
from hostler.daemon.base.text import utf8_safe
from hostler.daemon.facade.admission import Admission, Context, Wait
from hostler.daemon.facade.lookup import find_location, require_not_stopping
from hostler.daemon.facade.paging import list_page
from hostler.daemon.launching.launcher import SpawnError
from hostler.daemon.locations.import_times import ImportTimes
from hostler.daemon.locations.location import Location
from hostler.daemon.logs.location import LogLine
from hostler.daemon.supervision import presentation, snapshots
from hostler.daemon.supervision.change_feed import FollowerLaggedError
from hostler.daemon.supervision.snapshots import as_change
from hostler.daemon.supervision.supervisor import Supervisor
from hostler.v1 import workspace_pb2 as pb

_STREAMS = {"stdout": pb.LogLine.STDOUT, "stderr": pb.LogLine.STDERR, "daemon": pb.LogLine.DAEMON}

#: Seconds: what GetWorkspace says of memory, standbys and the like may be as old as this.
_WORKSPACE_AGE = 1.0

#: Locations that are dealt with before others get the loop: each has a change to tell.
_PER_TURN = 10


class _Snapshot(NamedTuple):
    """The message with which watches begin, and when it was made."""

    revision: int
    time: float
    message: bytes


class WorkspaceService:
    """Implements hostler.v1.WorkspaceService."""

    def __init__(
        self,
        supervisor: Supervisor,
        settings: Settings,
        admission: Admission,
        version: str,
        state_directory: str,
    ) -> None:
        self._supervisor = supervisor
        self._admission = admission
        self._settings = settings
        self._version = version
        self._state_directory = state_directory
        self._shared: _Snapshot | None = None

    async def get_workspace(self, _request: pb.GetWorkspaceRequest, _: Context) -> bytes:
        await self._supervisor.measure(self._supervisor.locations.values())
        workspace, _revision = await self._workspace(_WORKSPACE_AGE)
        return workspace

    async def list_locations(
        self, request: pb.ListLocationsRequest, _: Context
    ) -> pb.ListLocationsResponse:
        locations = list(self._supervisor.locations.values())
        await self._supervisor.measure(locations)
        messages = await self._messages(locations)
        part, token = list_page(
            messages, request.page_size, request.page_token, "", self._settings.page_bytes
        )
        return pb.ListLocationsResponse(locations=messages[part], next_page_token=token)

    async def get_location(self, request: pb.GetLocationRequest, _: Context) -> pb.Location:
        location = find_location(self._supervisor, request.name)
        await self._supervisor.measure([location])
        return self._supervisor.location_message(location)

    async def reload_locations(
        self, request: pb.ReloadLocationsRequest, context: Context
    ) -> pb.ReloadLocationsResponse:
        require_not_stopping(self._supervisor)
        locations = self._locations_named(request.names)
        await _in_turns(Location.reload, locations)
        messages = await self._messages_after_load(context, locations, wait=not request.no_wait)
        return pb.ReloadLocationsResponse(locations=messages)

    async def restart_locations(
        self, request: pb.RestartLocationsRequest, context: Context
    ) -> pb.RestartLocationsResponse:
        require_not_stopping(self._supervisor)
        locations = self._locations_named(request.names)
        await _in_turns(Location.restart, locations)
        messages = await self._messages_after_load(context, locations, wait=not request.no_wait)
        return pb.RestartLocationsResponse(locations=messages)

    async def start_location(
        self, request: pb.StartLocationRequest, context: Context
    ) -> pb.Location:
        require_not_stopping(self._supervisor)
        location = find_location(self._supervisor, request.name)
        self._supervisor.start_location(location)
        await self._admission.wait(context, location.name, location.load.settled(), Wait.LOAD)
        return self._supervisor.location_message(location)

    async def stop_location(self, request: pb.StopLocationRequest, context: Context) -> pb.Location:
        location = find_location(self._supervisor, request.name)
        self._supervisor.stop_location(location)
        await self._admission.wait(context, location.name, location.ended(), Wait.END)
        return self._supervisor.location_message(location)

    async def measure_imports(
        self, request: pb.MeasureImportsRequest, context: Context
    ) -> pb.MeasureImportsResponse:
        require_not_stopping(self._supervisor)
        location = find_location(self._supervisor, request.name)
        work = location.replicas.measure_imports(location.spec)
        try:
            times = await self._admission.wait(context, location.name, work, Wait.LOAD)
        except SpawnError as error:
            times = ImportTimes(failure=f"cannot start its interpreter: {error}")
        answer = pb.MeasureImportsResponse(failure=utf8_safe(times.failure))
        answer.duration.FromNanoseconds(int(times.seconds * 1e9))
        for each in times.modules:
            module = answer.modules.add(name=utf8_safe(each.name), depth=each.depth)
            module.self_duration.FromNanoseconds(int(each.own * 1e9))
            module.total_duration.FromNanoseconds(int(each.total * 1e9))
        return answer

    async def watch_workspace(
        self, request: pb.WatchWorkspaceRequest, _: Context
    ) -> AsyncIterator[pb.WorkspaceChange | bytes]:
        changes = self._supervisor.changes
        after = request.after_revision
        if request.history and after <= changes.revision:
            after = max(after, changes.oldest - 1)
        elif not after or after > changes.revision:  # a revision of an earlier daemon
            after, snapshot = await self._snapshot()
            yield snapshot
        while True:
            try:
                async for change in changes.follow(after):
                    after = change.revision
                    yield change.message
            except FollowerLaggedError:
                after, snapshot = await self._snapshot()
                yield snapshot

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

    async def _workspace(self, max_age: float = snapshots.MAX_AGE) -> tuple[bytes, int]:
        """Returns the workspace, serialized, and its revision."""
        workspace, revision = await self._supervisor.workspace(max_age)
        daemon = presentation.daemon_message(self._version, self._state_directory)
        return workspace + pb.Workspace(daemon=daemon).SerializeToString(), revision

    async def _snapshot(self) -> tuple[int, bytes]:
        """Returns the revision and the message with which a watch begins; all watches share it."""
        shared, now = self._shared, time.monotonic()
        is_good = shared is not None and now - shared.time < snapshots.MAX_AGE
        if shared is None or not is_good or shared.revision != self._supervisor.changes.revision:
            workspace, revision = await self._workspace()
            change = pb.WorkspaceChange(revision=revision)
            change.time.GetCurrentTime()
            shared = self._shared = _Snapshot(revision, now, as_change(change, workspace))
        return shared.revision, shared.message

    def _locations_named(self, wanted: Sequence[str]) -> list[Location]:
        """Returns the locations of the names, each once; all of them for no name."""
        if not wanted:
            return list(self._supervisor.locations.values())
        return [find_location(self._supervisor, name) for name in dict.fromkeys(wanted)]

    async def _messages_after_load(
        self, context: Context, locations: Sequence[Location], *, wait: bool
    ) -> list[pb.Location]:
        """Returns the locations, with `wait` once their loads have ended."""
        for location in locations if wait else ():  # the loads go on side by side
            await self._admission.wait(context, location.name, location.load.settled(), Wait.LOAD)
        return await self._messages(locations)

    async def _messages(self, locations: Sequence[Location]) -> list[pb.Location]:
        messages = list[pb.Location]()
        await _in_turns(
            lambda each: messages.append(self._supervisor.location_message(each)), locations
        )
        return messages


async def _in_turns(do: Callable[[Location], None], locations: Sequence[Location]) -> None:
    """Does something for each location; others get the loop in between."""
    for number, location in enumerate(locations):
        if number and number % _PER_TURN == 0:
            await asyncio.sleep(0)
        do(location)


def _log_line_message(line: LogLine) -> pb.LogLine:
    message = pb.LogLine(stream=_STREAMS[line.stream], text=line.text, pid=line.pid, role=line.role)
    message.time.FromNanoseconds(int(line.time * 1e9))
    return message
