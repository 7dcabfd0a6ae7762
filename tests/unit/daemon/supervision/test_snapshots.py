"""The bytes of the workspace: shared, current, and made while others have the loop."""

from __future__ import annotations

import asyncio
from typing import Any

from hostler.daemon.supervision.snapshots import LOCATIONS_PER_TURN, Snapshots, as_change
from hostler.v1 import workspace_pb2


class Workspace:
    """Counts how often the message of each location is made."""

    def __init__(self, count: int) -> None:
        self.locations: dict[str, Any] = {f"l{number}": f"l{number}" for number in range(count)}
        self.generation = dict.fromkeys(self.locations, 1)
        self.made: list[str] = []
        self.snapshots = Snapshots(lambda: self.locations, self._message)

    def _message(self, location: Any) -> workspace_pb2.Location:
        self.made.append(location)
        return workspace_pb2.Location(name=location, generation=self.generation[location])

    async def read(self, max_age: float = 5.0) -> list[tuple[str, int]]:
        data = await self.snapshots.locations(max_age)
        found = workspace_pb2.Workspace.FromString(data).locations
        return [(each.name, each.generation) for each in found]


def test_all_readers_share_what_was_made_once() -> None:
    async def test() -> None:
        workspace = Workspace(100)
        answers = await asyncio.gather(*(workspace.read() for _ in range(50)))
        assert all(answer == [(f"l{n}", 1) for n in range(100)] for answer in answers)
        assert len(workspace.made) == 100

    asyncio.run(test())


def test_a_change_makes_that_location_alone_anew() -> None:
    async def test() -> None:
        workspace = Workspace(100)
        await workspace.read()
        workspace.generation["l7"] = 2
        workspace.snapshots.forget("l7")  # type: ignore[arg-type]  # stands for a location
        assert (await workspace.read())[7] == ("l7", 2)
        assert len(workspace.made) == 101

    asyncio.run(test())


def test_others_get_the_loop_and_their_changes_are_seen() -> None:
    async def test() -> None:
        workspace = Workspace(4 * LOCATIONS_PER_TURN)
        reading = asyncio.ensure_future(workspace.read())
        await asyncio.sleep(0)
        assert 0 < len(workspace.made) <= LOCATIONS_PER_TURN
        workspace.generation["l0"] = 2
        workspace.snapshots.forget("l0")  # type: ignore[arg-type]
        del workspace.locations["l1"]
        found = await reading
        assert found[0] == ("l0", 2)
        assert found[1][0] == "l2"

    asyncio.run(test())


def test_what_is_too_old_is_made_anew() -> None:
    async def test() -> None:
        workspace = Workspace(3)
        await workspace.read()
        await workspace.read(max_age=0.0)
        assert len(workspace.made) > 3
        workspace.snapshots.forget_all()
        workspace.locations.clear()
        assert await workspace.read() == []

    asyncio.run(test())


def test_a_change_with_a_workspace_is_one_whole_message() -> None:
    for count in (0, 1, 3, 100, 3000):
        workspace = workspace_pb2.Workspace(files=["f" * count], revision=7)
        change = workspace_pb2.WorkspaceChange(revision=7, reason="why")
        data = as_change(change, workspace.SerializeToString())
        change.workspace.CopyFrom(workspace)
        assert workspace_pb2.WorkspaceChange.FromString(data) == change
