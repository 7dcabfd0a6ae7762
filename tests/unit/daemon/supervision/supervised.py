"""A Supervisor in a world of fakes; its workspace file is the one file that is real."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unit.daemon.world import World, play

from hostler.daemon.logs.files import LogWriter
from hostler.daemon.runs.runs import Runs
from hostler.daemon.schedules.schedules import Schedules
from hostler.daemon.supervision.supervisor import Folders, Supervisor
from hostler.daemon.watching.content.digests import digest_of
from hostler.v1 import workspace_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hostler.daemon.launching.fake_process import FakeProcess
    from hostler.daemon.locations.location import Location


class NoRuns(Runs):
    """No run is ever launched.

    Attributes:
        wakes: how often it was asked to start those that are due.
    """

    def __init__(self) -> None:
        self.wakes = 0

    def pids(self, location: Location) -> list[int]:
        return []

    def start_due(self) -> None:
        self.wakes += 1


class NoSchedules(Schedules):
    """None is on record."""

    def __init__(self) -> None:
        pass

    def location_changed(self, name: str) -> None:
        pass


class Supervised:
    """A supervisor, its workspace file, and the changes that it has published."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.file = folder / "workspace.yaml"
        self.runs = NoRuns()
        self.supervisor = Supervisor(
            [self.file],
            {},
            world.context,
            self.runs,
            NoSchedules(),
            LogWriter(world.settings, world.journal),
            Folders(folder, folder / "logs"),
            world.journal,
        )
        world.on_new_keeper = self.supervisor.keeper_lost
        world.on_packages_changed = self.supervisor.packages_changed

    def write(self, *locations: str, text: str = "") -> None:
        """Writes the workspace file, of which the watcher is to see the change.

        Args:
            locations: a name each, and behind it further keys of the location: "a, reload: false".
            text: the whole file, in place of these.
        """
        entries = [_entry(*each.partition(",")[::2]) for each in locations]
        self.file.write_text(text or f"load_from: [{', '.join(entries)}]\n")
        self.world.watcher.change(str(self.file), digest_of(str(self.file)))

    async def start(self, *locations: str) -> None:
        """Starts it with a workspace, and lets the first loads end."""
        self.write(*locations)
        await self.supervisor.start()
        await self.world.advance(0.1)

    async def close(self) -> None:
        """Closes it; whatever has to end has its time for that."""
        closing = self.world.tasks.start(self.supervisor.close(), "close")
        await self.world.advance(60)
        assert closing.done()

    def location(self, name: str) -> Location:
        found = self.supervisor.find_location(name)
        assert found is not None
        return found

    def process(self, name: str) -> FakeProcess:
        """Returns the process that serves a location."""
        current = self.location(name).serving.current
        assert current is not None
        assert current.host is not None
        return next(one for one in self.world.launcher.processes if one.pid == current.host.leader)

    def numbers(self) -> dict[str, int]:
        """Returns the number of each location's generation; 0 for none."""
        return {
            name: location.generation.number if location.generation else 0
            for name, location in self.supervisor.locations.items()
        }

    def statuses(self) -> dict[str, str]:
        return {name: each.status.value for name, each in self.supervisor.locations.items()}

    def changes(self) -> list[workspace_pb2.WorkspaceChange]:
        """Returns what was published and is kept."""
        return [
            workspace_pb2.WorkspaceChange.FromString(kept.message)
            for kept in self.supervisor.changes._kept
        ]

    def reasons(self) -> list[str]:
        return [change.reason for change in self.changes()]


def _entry(name: str, more: str) -> str:
    keys = f"relative_path: code.py, location_name: {name}"
    return f"{{python_file: {{{keys}{',' if more else ''}{more}}}}}"


def play_supervised(scenario: Callable[[Supervised], Awaitable[None]], **options: Any) -> None:
    """Plays a scenario with a supervisor, which is not started yet."""

    async def in_world(world: World) -> None:
        with tempfile.TemporaryDirectory() as folder:
            await scenario(Supervised(world, Path(folder)))

    play(in_world, real_templates=True, **options)
