"""A view of the workspace, kept current by the changes that a watch gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.v1.workspace_pb2 import Location, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostler.v1.workspace_pb2 import WorkspaceChange

#: A load has ended, and no other is under way.
SETTLED = (Location.READY, Location.FAILED, Location.BACKOFF, Location.STOPPED)


class WorkspaceView:
    """Holds what the changes so far have told of the workspace.

    Attributes:
        workspace: without its locations.
        locations: by resource name, in the order of the workspace file.
        revision: of the last change.
    """

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.locations: dict[str, Location] = {}
        self.revision = 0

    def apply(self, change: WorkspaceChange) -> list[Location]:
        """Applies a change; returns the locations that it is about."""
        self.revision = change.revision
        kind = change.WhichOneof("change")
        if kind == "workspace":
            return self.replace(change.workspace)
        if kind == "location":
            self.locations[change.location.name] = change.location
            return [change.location]
        self.locations.pop(change.removed_location, None)
        return []

    def replace(self, workspace: Workspace) -> list[Location]:
        """Replaces the view by a whole workspace; returns its locations."""
        self.workspace = workspace
        self.locations = {location.name: location for location in workspace.locations}
        return list(self.locations.values())


def has_loaded_or_failed(location: Location) -> bool:
    """Returns whether a generation answers, or the first load has failed."""
    return location.serving or location.state in SETTLED


def pending(locations: Iterable[Location]) -> list[Location]:
    """Returns the locations whose first load has not ended."""
    return [location for location in locations if not has_loaded_or_failed(location)]
