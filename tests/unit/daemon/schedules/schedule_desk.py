"""Schedules on a real record, with a clock that a test turns, and answers that it gives."""

from __future__ import annotations

import asyncio
import io
import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from unit.daemon.runs.run_record import SETTINGS

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.generations.kinds import SCHEDULE, DefinitionKey
from hostler.daemon.runs.store.record import Run, make_event
from hostler.daemon.runs.store.run_store import RunStore
from hostler.daemon.runs.store.schedule_record import ScheduleKey, ScheduleSummary, Tick
from hostler.daemon.schedules.fake import FakeEvaluator
from hostler.daemon.schedules.schedules import Schedules
from hostler.daemon.state.location import Status
from hostler.v1 import definitions_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hostler.daemon.base.settings import Settings
    from hostler.daemon.runs.runs import Created
    from hostler.daemon.runs.store.tables import RunTables

Policy = definitions_pb2.TickPolicy

#: A Thursday at 12 o'clock and half a minute.
NOON = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)

RUNNING = Policy(is_running_by_default=True)


class FakeGeneration:
    """Lists schedules."""

    def __init__(self, location: str, summaries: list[ScheduleSummary]) -> None:
        repository = definitions_pb2.Repository(schedules=summaries)
        self.repositories = {"repo": repository}
        self.number = 1
        self.listed = {DefinitionKey(SCHEDULE, "repo", name_of(one)) for one in summaries}


class FakeLocation:
    """Has a generation, or a status that says why it has none."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.generation: FakeGeneration | None = None
        self.status = Status.STARTING
        self.error = None


class Desk:
    """Schedules of one daemon, and what was launched.

    Attributes:
        launched: each run that was recorded, in order.
        at_launch: called before a run is recorded.
    """

    def __init__(self, clock: FakeClock, store: RunStore, tasks: Tasks, settings: Settings) -> None:
        self.clock = clock
        self.store = store
        self.tasks = tasks
        self.evaluator = FakeEvaluator()
        self.locations: dict[str, FakeLocation] = {}
        self.launched: list[Run] = []
        self.journal = io.StringIO()
        self.schedules = Schedules(
            store,
            self._launch,
            self.evaluator,
            clock,
            settings,
            tasks,
            Journal(stream=self.journal),
        )

    async def _launch(
        self,
        run: Run,
        _location: object,
        _generation: object,
        within: Callable[[RunTables, Callable[[], Created]], Created],
    ) -> Run | None:
        run.name = f"runs/{uuid.uuid4().hex}"

        def write(tables: RunTables) -> Created:
            return within(tables, lambda: tables.create(run, make_event("run_queued")))

        return await self.store.create_by(
            run.name.removeprefix("runs/"), write, self.launched.append
        )

    async def begin(self, **locations: list[ScheduleSummary] | None) -> None:
        """Starts with locations that have loaded; None for one that loads still."""
        for name, summaries in locations.items():
            self.locations[name] = FakeLocation(name)
            if summaries is not None:
                self.locations[name].generation = FakeGeneration(name, summaries)
        await self.schedules.start(cast("Any", self.locations.get), self.locations)
        await self.rest()

    async def load(self, name: str, *summaries: ScheduleSummary) -> None:
        """Has a location load a new generation."""
        location = self.locations.setdefault(name, FakeLocation(name))
        location.generation = FakeGeneration(name, list(summaries))
        location.status = Status.READY
        await self.tell(name)

    async def lose(self, name: str, status: Status = Status.FAILED) -> None:
        """Has a location without a generation."""
        location = self.locations.setdefault(name, FakeLocation(name))
        location.generation = None
        location.status = status
        await self.tell(name)

    async def remove(self, name: str) -> None:
        """Takes a location out of the workspace."""
        del self.locations[name]
        await self.tell(name)

    async def tell(self, name: str) -> None:
        self.schedules.location_changed(name)
        await self.rest()

    async def choose(self, name: str, *, is_running: bool, **more: Any) -> None:
        summary = self.schedules.summary(key(name)) or schedule(name, **more)
        await self.schedules.choose(key(name), summary, is_running=is_running)
        await self.rest()

    async def advance(self, seconds: float) -> None:
        """Lets time pass, second by second: what follows from each is written before the next."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.advance(min(1.0, end - self.clock.monotonic()))
            await asyncio.sleep(0)
            if self.tasks._running:
                await self.rest()

    async def rest(self) -> None:
        """Returns when all that was begun is on disk."""
        for _ in range(4):  # a claim, its tick, the tick's run, and what follows
            await asyncio.sleep(0)
            await self.store.flush()
        await asyncio.sleep(0)

    async def until(self, moment: str) -> None:
        """Lets time pass up to a time of that day, "12:01"."""
        hour, minute = map(int, moment.split(":"))
        wanted = NOON.replace(hour=hour, minute=minute, second=1).timestamp()
        await self.advance(wanted - self.clock.time())

    async def ticks(self, name: str = "s") -> list[tuple[str, str]]:
        """Returns the ticks of a schedule in their order: the time of the day, and the state."""
        return [(at(tick), Tick.State.Name(tick.state)) for tick in await self.records(name)]

    async def records(self, name: str = "s") -> list[Tick]:
        return (await self.schedules.ticks(key(name), (), None, -1))[::-1]

    def times(self) -> list[str]:
        """Returns for each run that was launched when it was due."""
        return [run.tags["hostler/scheduled_time"].removeprefix("at ") for run in self.launched]


@asynccontextmanager
async def desk(
    folder: Path, clock: FakeClock | None = None, settings: Settings = SETTINGS
) -> AsyncIterator[Desk]:
    """Makes the schedules of a daemon, which has not begun; its end is that of the daemon."""
    clock = clock or clock_at_noon()
    settings = replace(settings, tick_retention=0)  # the day of these tests is long ago
    journal = Journal(stream=io.StringIO())
    store = RunStore(folder, settings, journal)
    try:
        async with Tasks(journal) as tasks:
            made = Desk(clock, store, tasks, settings)
            yield made
            made.schedules.close()
    finally:
        await store.close()


def clock_at_noon() -> FakeClock:
    return FakeClock(time=NOON.timestamp())


def key(name: str, location: str = "etl") -> ScheduleKey:
    return ScheduleKey(location, "repo", name)


def schedule(
    name: str = "s",
    cron: str = "* * * * *",
    zone: str = "UTC",
    policy: Policy = RUNNING,
    location: str = "etl",
    **more: Any,
) -> ScheduleSummary:
    return ScheduleSummary(
        name=key(name, location).resource_name,
        cron_schedule=cron,
        execution_timezone=zone,
        tick_policy=policy,
        **more,
    )


def policy(**fields: Any) -> Policy:
    return Policy(is_running_by_default=True, **fields)


def name_of(summary: ScheduleSummary) -> str:
    return summary.name.rpartition("/")[2]


def at(tick: Tick) -> str:
    return tick.scheduled_time.ToDatetime(UTC).strftime("%H:%M")


def launched(*times: str) -> list[tuple[str, str]]:
    return [(time, "LAUNCHED") for time in times]
