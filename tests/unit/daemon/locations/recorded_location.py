"""A Location in a world of fakes, and the changes that it has told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from unit.daemon.world import World, a_spec, play

from hostler.daemon.locations.location import Location
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.state.location import UNSETTLED, Load, Serving, Status
from hostler.daemon.state.process import ProcessState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hostler.daemon.launching.fake_process import FakeProcess
    from hostler.daemon.loading.location_process import LocationProcess
    from hostler.daemon.workspace.text.models import LocationSpec


class Told(NamedTuple):
    """One change."""

    before: Status
    now: Status
    reason: str


class RecordedLocation:
    """One location, and all changes that it has told.

    Attributes:
        told: in order.
    """

    def __init__(self, world: World, spec: LocationSpec | None = None) -> None:
        spec = spec or a_spec()
        self.world = world
        self.told: list[Told] = []
        world.environments.retain([spec])
        log = LocationLog(None, spec.name, world.settings)
        self.location = Location(world.context, spec, log, self._on_change)
        world.on_new_keeper = self._on_new_keeper

    def _on_change(self, location: Location, before: Status, reason: str) -> None:
        assert location is self.location
        self.told.append(Told(before, location.status, reason))

    def _on_new_keeper(self) -> None:
        self.world.environments.keeper_lost()
        self.location.keeper_lost()

    # What it does

    async def start(self) -> None:
        """Starts it, and lets its first load end."""
        self.location.start()
        await self.world.advance(0.05)

    @property
    def states(self) -> tuple[Load, Serving]:
        return self.location.load.state, self.location.serving.state

    @property
    def statuses(self) -> list[Status]:
        """Returns what it was told to be, one after the other, without repetitions."""
        found: list[Status] = []
        for told in self.told:
            if not found or found[-1] is not told.now:
                found.append(told.now)
        return found

    @property
    def number(self) -> int:
        """Returns the number of the generation that serves; 0 for none."""
        generation = self.location.generation
        return generation.number if generation else 0

    @property
    def candidate(self) -> FakeProcess:
        return self.fake_of(self.location.load.candidate)

    @property
    def current(self) -> FakeProcess:
        return self.fake_of(self.location.serving.current)

    @property
    def successor(self) -> FakeProcess:
        return self.fake_of(self.location.serving.successor)

    @property
    def is_watched(self) -> bool:
        return self.location.watched._watch is not None

    def fake_of(self, process: LocationProcess | None) -> FakeProcess:
        assert process is not None
        assert process.host is not None
        (fake,) = (one for one in self.world.launcher.processes if one.pid == process.host.leader)
        return fake

    def error(self) -> str:
        """Returns what it shows as its error; empty for none."""
        return self.location.error.message if self.location.error else ""

    def log_has(self, text: str) -> bool:
        return any(text in line.text for line in self.location.log.tail(1000))

    def check(self) -> None:
        """Nothing waits for what will not come, and nothing runs that nobody waits for."""
        load, serving = self.location.load, self.location.serving
        timers = {*load._timers._armed, *serving._timers._armed}
        assert (load.candidate is not None) == (load.state in (Load.LOADING, Load.OUTDATED))
        for name, state in [
            ("retry", Load.BACKOFF),
            ("hold", Load.HELD),
            ("patience", Load.OUTDATED),
            ("quiet", Load.DEBOUNCING),
        ]:
            assert (name in timers) == (load.state is state), name
        assert ("revival" in timers) == (serving.state is Serving.LAPSED)
        is_replaced = serving.state in (
            Serving.REVIVING,
            Serving.REPLACING,
            Serving.RENEWING,
        )
        assert (serving.successor is not None) == is_replaced
        is_served = serving.state in (Serving.UP, Serving.REPLACING, Serving.RENEWING)
        assert (serving.current is not None) == is_served
        assert (serving.generation is not None) == (serving.state is not Serving.NONE)
        if serving.state is Serving.AWAITING:
            awaited = load.candidate is not None or load.state is Load.DEBOUNCING
            assert awaited, "it awaits a load that nobody has ordered"
        assert load._settled.is_set() == (load.state not in UNSETTLED)
        wanted = {load.candidate, serving.current, serving.successor}
        for process in self.location.processes.alive - wanted:
            is_on_its_way_out = process._machine.state in (ProcessState.DRAINING, ProcessState.DEAD)
            assert is_on_its_way_out or process.is_ready, "two loads at a time"

    def check_stopped(self) -> None:
        """Nothing is left of it."""
        assert self.states == (Load.STOPPED, Serving.NONE)
        assert self.location.status is Status.STOPPED
        assert self.location.generation is None
        assert self.location.pids == []
        assert self.world.launcher.alive == []
        assert not self.is_watched
        assert self.world.clock.pending == ()


def play_location(
    scenario: Callable[[RecordedLocation], Awaitable[None]],
    spec: LocationSpec | None = None,
    **options: Any,
) -> None:
    """Plays a scenario with one location, which is not started yet."""

    async def in_world(world: World) -> None:
        await scenario(RecordedLocation(world, spec))

    play(in_world, **options)
