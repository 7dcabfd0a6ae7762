from __future__ import annotations

from unit.cli.locations import broken, ready

from hostler.cli.daemons.workspace_view import WorkspaceView, pending
from hostler.v1.workspace_pb2 import Location, Workspace, WorkspaceChange


def test_the_view_follows_the_changes() -> None:
    view = WorkspaceView()
    starting = Location(name="locations/slow", state=Location.STARTING)
    workspace = Workspace(locations=[ready(), starting])
    assert len(view.apply(WorkspaceChange(revision=4, workspace=workspace))) == 2
    assert [location.name for location in pending(view.locations.values())] == ["locations/slow"]
    view.apply(WorkspaceChange(revision=5, location=broken()))
    view.apply(WorkspaceChange(revision=6, removed_location="locations/slow"))
    assert list(view.locations) == ["locations/etl", "locations/broken"]
    assert view.revision == 6
    assert pending(view.locations.values()) == []
