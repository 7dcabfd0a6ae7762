"""The environments of three locations in a world of fakes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from unit.daemon.world import World, a_spec, play

from hostler.daemon.processes.host_process import SILENT, HostProcess

if TYPE_CHECKING:
    from hostler.daemon.state.fork_policy import Decision
    from hostler.daemon.templates.fake import FakeTemplate
    from hostler.daemon.watching.fake import FakeWatch
    from hostler.daemon.workspace.text.models import LocationSpec

A, B = a_spec("a"), a_spec("b")
#: In an environment of its own.
OTHER = a_spec("c", env=(("THREADS", "1"),))

FOLDER = "/venv/site-packages"
RECORD = f"{FOLDER}/numpy-2.dist-info/RECORD"


def body(*imports: str, folders: tuple[str, ...] = ()) -> dict[str, Any]:
    """The part of an answer to LOAD that an environment learns of."""
    return {"imports": list(imports), "packages": {"folders": folders, "configuration": None}}


class Desk:
    """The environments of a world, and the processes that were made in them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.environments = world.environments
        self.environments.retain([A, B, OTHER])

    @property
    def template(self) -> FakeTemplate:
        """Returns the one that was made first."""
        return self.world.templates[0]

    def is_retired(self) -> bool:
        return self.template.is_retired

    async def begin(self, spec: LocationSpec, reason: str = "") -> tuple[HostProcess, Decision]:
        """Begins a load, as an admitted location process does."""
        owner = f"{spec.name}/1"
        self.environments.load_started(spec, owner)
        return await self.start(spec, owner, reason)

    async def start(
        self, spec: LocationSpec, owner: str, reason: str = ""
    ) -> tuple[HostProcess, Decision]:
        made = await self.environments.start_process(spec, owner, SILENT, reason)
        await self.world.advance()
        return made

    def end(self, spec: LocationSpec, *imports: str, seconds: float = 0.1, **more: Any) -> None:
        """Ends a load well."""
        self.environments.load_ended(f"{spec.name}/1")
        self.environments.learn(spec, body(*imports, **more), seconds)

    def fail(self, spec: LocationSpec) -> None:
        self.environments.load_ended(f"{spec.name}/1")

    async def warm(self) -> None:
        """Loads A, so that there is a template."""
        await self.begin(A)
        self.end(A, "numpy", folders=(FOLDER,))
        await self.world.advance()

    def watch(self) -> FakeWatch:
        (watch,) = self.world.watcher.watches
        return watch


def play_desk(scenario: Any) -> None:
    async def in_world(world: World) -> None:
        await scenario(Desk(world))

    play(in_world)


async def waits(desk: Desk, spec: LocationSpec) -> asyncio.Task[None]:
    waiting = asyncio.ensure_future(desk.environments.wait_for_template(spec))
    await desk.world.advance()
    return waiting
