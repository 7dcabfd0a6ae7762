"""The calls about the workspace: locations, their states and their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.client.channel import Calls
from hostler.client.names import location_name
from hostler.v1 import workspace_pb2 as pb

if TYPE_CHECKING:
    from hostler.client.stream import Stream


class WorkspaceCalls(Calls):
    """Makes the calls of WorkspaceService; a location goes by its resource name or its id."""

    def workspace(self) -> pb.Workspace:
        """Returns the workspace: its files, its locations, the daemon."""
        return self._unary(self._workspace.GetWorkspace, pb.GetWorkspaceRequest())

    def locations(self) -> list[pb.Location]:
        """Returns every location, in the order of the workspace file."""
        pages = self._pages(self._workspace.ListLocations, pb.ListLocationsRequest())
        return [location for page in pages for location in page.locations]

    def location(self, name: str) -> pb.Location:
        """Returns one location.

        Raises:
            NotFoundError: there is none of that name.
        """
        request = pb.GetLocationRequest(name=location_name(name))
        return self._unary(self._workspace.GetLocation, request)

    def reload(
        self, *names: str, wait: bool = True, timeout: float | None = None
    ) -> list[pb.Location]:
        """Loads the code of the locations anew, of all where none is named.

        A location that was stopped stays so, as in `restart`; see `start`.

        A load that fails raises nothing: see `error` of the locations that are returned.

        Args:
            names: the locations.
            wait: return when the loads have ended, not when they have begun.
            timeout: seconds; the client's own where none is given.
        """
        request = pb.ReloadLocationsRequest(names=map(location_name, names), no_wait=not wait)
        answer = self._unary(self._workspace.ReloadLocations, request, timeout)
        return list(answer.locations)

    def restart(
        self, *names: str, wait: bool = True, timeout: float | None = None
    ) -> list[pb.Location]:
        """Ends the processes of the locations, of all where none is named, and starts new ones.

        Takes and returns what `reload` does.
        """
        request = pb.RestartLocationsRequest(names=map(location_name, names), no_wait=not wait)
        answer = self._unary(self._workspace.RestartLocations, request, timeout)
        return list(answer.locations)

    def start(self, name: str, timeout: float | None = None) -> pb.Location:
        """Starts a location that was stopped, and waits until its load has ended."""
        request = pb.StartLocationRequest(name=location_name(name))
        return self._unary(self._workspace.StartLocation, request, timeout)

    def stop(self, name: str) -> pb.Location:
        """Ends a location's processes and leaves it stopped until `start`; its runs go on."""
        request = pb.StopLocationRequest(name=location_name(name))
        return self._unary(self._workspace.StopLocation, request)

    def measure_imports(self, name: str, timeout: float | None = None) -> pb.MeasureImportsResponse:
        """Loads a location once more, in a new interpreter; returns the time of each import."""
        request = pb.MeasureImportsRequest(name=location_name(name))
        return self._unary(self._workspace.MeasureImports, request, timeout)

    def watch(
        self, after_revision: int = 0, *, history: bool = False, timeout: float | None = None
    ) -> Stream[pb.WorkspaceChange]:
        """Returns the workspace as it is, at once, then each change.

        Args:
            after_revision: resume after this revision.
            history: begin with the changes that the daemon still has, in place of the present
                state.
            timeout: seconds until the stream ends with DeadlineError; never where none is given.
        """
        request = pb.WatchWorkspaceRequest(after_revision=after_revision, history=history)
        return self._stream(self._workspace.WatchWorkspace, request, timeout=timeout)

    def logs(
        self,
        name: str,
        last: int | None = None,
        *,
        follow: bool = False,
    ) -> Stream[pb.LogLine]:
        """Returns what a location's processes printed.

        Args:
            name: the location.
            last: how many of the last lines; all that the daemon holds where it is left out.
            follow: go on with each new line.
        """
        request = pb.ReadLogsRequest(
            name=location_name(name), last=last or 0, skip_history=last == 0, follow=follow
        )
        return self._stream(self._workspace.ReadLogs, request)
