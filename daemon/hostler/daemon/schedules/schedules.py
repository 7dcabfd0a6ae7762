"""All schedules: looks when one is due, has its ticks recorded, and has them settled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hostler.daemon.base.timers import Timers
from hostler.daemon.generations.kinds import SCHEDULE, DefinitionKey
from hostler.daemon.runs.store import schedule_tables
from hostler.daemon.runs.store.run_store import NotRecordedError, RunStore
from hostler.daemon.runs.store.schedule_record import (
    Claim,
    ScheduleKey,
    ScheduleRecord,
    ScheduleSummary,
    Tick,
    TickState,
)
from hostler.daemon.schedules import cron_ticks, rules
from hostler.daemon.schedules.agenda import Agenda
from hostler.daemon.schedules.code import Code, Launch
from hostler.daemon.schedules.cron_ticks import TickError, next_ticks
from hostler.daemon.schedules.schedule import Schedule, ScheduleCollection
from hostler.daemon.schedules.settling import RECORD_RETRY, Settling
from hostler.daemon.schedules.tick_work import TickContext, new_tick
from hostler.daemon.state.location import Status
from hostler.v1 import definitions_pb2

if TYPE_CHECKING:
    from hostler.daemon.base.clock import Clock
    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.locations.location import Location
    from hostler.daemon.runs.store.tables import RunTables
    from hostler.daemon.schedules.evaluation import Evaluator

#: Seconds between two looks at the wall clock, which may be set at any time; a look takes some
#: microseconds.
_LOOK_INTERVAL = 1.0

#: Schedules of one look: the ticks of more are computed in the next turns of the loop.
_SCHEDULES_PER_LOOK = 50


class Schedules:
    """Keeps the schedules that are on record, and launches what is due.

    One timer stands for all of them. Nothing is done for a tick before it is on record.
    """

    def __init__(
        self,
        store: RunStore,
        launch: Launch,
        evaluator: Evaluator,
        clock: Clock,
        settings: Settings,
        tasks: Tasks,
        journal: Journal,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._journal = journal
        self._timers = Timers(clock)
        self._agenda: Agenda[ScheduleKey] = Agenda()
        self._schedules = ScheduleCollection()
        #: The generation whose schedules were seen last, by location.
        self._seen: dict[str, Generation] = {}
        self._last_look = (clock.time(), clock.monotonic())
        self._awake_since = int(clock.time())
        self._find_location: Callable[[str], Location | None] = lambda _: None
        self._is_started = False
        self._code = Code(clock, self._location)
        self._settling = Settling(
            TickContext(clock, settings, evaluator, self._code, launch, store), tasks, journal
        )
        self._is_closing = False

    async def start(
        self, find_location: Callable[[str], Location | None], names: Collection[str]
    ) -> None:
        """Takes over what is on record, and begins to look.

        Args:
            find_location: returns the location of a name, None where the workspace has none.
            names: of the locations that there are.
        """
        self._find_location = find_location
        loaded = await self._store.read(schedule_tables.load)
        if loaded:
            await asyncio.to_thread(cron_ticks.prepare)
        for record, last, pending in loaded:
            schedule = self._schedules.put(record)
            schedule.last_tick = last
            schedule.pending.extend(pending)
            self._settling.begin(schedule)
        self._is_started = True
        for name in {*names, *self._schedules.locations}:
            self.location_changed(name)

    def close(self) -> None:
        """Looks no longer; ticks that wait stay pending, for the next daemon."""
        self._is_closing = True
        self._timers.disarm("look")
        self._settling.is_closing = True
        for schedule in self._schedules.all():
            schedule.cancel()

    # What happens elsewhere

    def location_changed(self, name: str) -> None:
        """Looks at the schedules of a location that was added, removed, loaded, or that failed."""
        if not self._is_started or self._is_closing:
            return
        location = self._find_location(name)
        keys = self._schedules.of_location(name)
        if location is None:
            self._seen.pop(name, None)
            self._observe(dict.fromkeys(keys))
        elif location.generation is None:
            self._seen.pop(name, None)
            if location.status is not Status.STARTING:
                for key in keys:
                    self._confirm(self._schedules.at(key))
        elif location.generation is not self._seen.get(name):
            self._seen[name] = location.generation
            found = _summaries(name, location.generation)
            self._observe(dict.fromkeys(keys) | found)
            self._construct_chosen(location, location.generation, found)
        self._code.location_changed(name)

    async def choose(self, key: ScheduleKey, summary: ScheduleSummary, *, is_running: bool) -> None:
        """Starts or stops a schedule, until the next such choice.

        Raises:
            NotRecordedError: the choice cannot be written; nothing has changed.
        """
        await asyncio.to_thread(cron_ticks.prepare)
        schedule = self._schedules.get(key)
        before = schedule.record if schedule else None
        now = int(self._clock.time())
        record = rules.choose(before, key, summary, now, is_running=is_running)
        schedule = self._schedules.put(record)
        schedule.is_confirmed = True
        self._plan(schedule)
        try:
            await self._store.write(lambda tables: tables.schedules.save([record]))
        except NotRecordedError:
            if schedule.record is record and before is None:
                self._drop(key)
            elif schedule.record is record and before is not None:
                schedule.record = before
                self._plan(schedule)
            raise
        finally:
            await self._read_again(schedule)

    # What clients see

    def summary(self, key: ScheduleKey) -> ScheduleSummary | None:
        """Returns how a schedule on record was described last; None for one that is not."""
        schedule = self._schedules.get(key)
        return schedule.record.summary if schedule else None

    def activity(
        self, key: ScheduleKey, policy: definitions_pb2.TickPolicy, count: int
    ) -> definitions_pb2.ScheduleActivity:
        """Returns what a schedule does now.

        Args:
            policy: what its code says, for one that is not on record.
            count: how many of its next ticks are named at most.
        """
        schedule = self._schedules.get(key)
        if schedule is None:
            return definitions_pb2.ScheduleActivity(is_running=policy.is_running_by_default)
        record = schedule.record
        found = definitions_pb2.ScheduleActivity(
            is_running=record.is_running,
            is_chosen=record.choice is not None,
            last_tick=schedule.last_tick,
            problem=schedule.problem,
        )
        if schedule.next_tick is not None:
            summary, following = record.summary, schedule.next_tick
            place = summary.cron_schedule, summary.execution_timezone
            later = next_ticks(*place, following, count - 1) if count > 1 else []
            for tick in (following, *later):
                found.next_tick_times.add(seconds=tick)
        return found

    async def ticks(
        self, key: ScheduleKey, states: Sequence[int], before: int | None, size: int
    ) -> list[Tick]:
        """Returns ticks of a schedule, newest first; see `schedule_tables.ticks_of`."""
        return await self._store.read(schedule_tables.ticks_of, key, states, before, size)

    def _location(self, name: str) -> Location | None:
        return self._find_location(name)

    def _drop(self, key: ScheduleKey) -> None:
        self._schedules.drop(key)
        self._agenda.set(key, None)

    # What is on record

    def _observe(self, found: dict[ScheduleKey, ScheduleSummary | None]) -> None:
        """Compares the record with what the code has now."""
        now = int(self._clock.time())
        changed: list[ScheduleRecord] = []
        for key, summary in found.items():
            schedule = self._schedules.get(key)
            before = schedule.record if schedule else None
            record = rules.observe(before, key, summary, now)
            if record is None:
                continue
            if record is not before and record != before:
                changed.append(record)
            schedule = self._schedules.put(record)
            is_unknown = summary is not None and summary.lazy and record.choice
            if not is_unknown:
                self._confirm(schedule)
        if changed:
            self._tasks.start(self._save(changed), "writing of schedules")

    async def _save(self, records: Sequence[ScheduleRecord]) -> None:
        try:
            await self._store.write(lambda tables: tables.schedules.save(records))
        except NotRecordedError as error:  # each is written again with its next tick
            self._journal.warning("cannot write schedules", reason=error)

    def _construct_chosen(
        self, location: Location, generation: Generation, found: dict[ScheduleKey, ScheduleSummary]
    ) -> None:
        """Constructs the lazy schedules that somebody has started."""
        for key, summary in found.items():
            schedule = self._schedules.get(key)
            if summary.lazy and schedule is not None and schedule.record.choice:
                work = self._construct(location, generation, schedule)
                self._tasks.start(work, f"construction of schedule {key.name}")

    async def _construct(
        self, location: Location, generation: Generation, schedule: Schedule
    ) -> None:
        key = schedule.key
        definition = DefinitionKey(SCHEDULE, key.repository, key.name)
        try:
            described = await location.replicas.tick_calls(generation).definition(definition)
        except Exception as error:  # noqa: BLE001 (whatever the code does; its ticks tell of it)
            self._journal.warning("cannot construct a schedule", schedule=key.name, reason=error)
            self._confirm(schedule)
            return
        if self._seen.get(key.location) is generation:
            summary = summary_of(definitions_pb2.Schedule.FromString(described))
            self._observe({key: summary})

    async def _read_again(self, schedule: Schedule) -> None:
        """Reads the ticks of a schedule anew, which a choice may have settled."""
        for _, last, pending in await self._store.read(schedule_tables.load, schedule.key):
            schedule.last_tick = last
            if schedule.record.is_running and pending and not schedule.pending:
                schedule.pending.extend(pending)
                self._settling.begin(schedule)

    # Looking

    def _confirm(self, schedule: Schedule) -> None:
        """Lets a schedule become due: what its record says of it holds."""
        schedule.is_confirmed = True
        self._plan(schedule)

    def _plan(self, schedule: Schedule) -> None:
        """Puts the next look at a schedule on the agenda."""
        moment = None
        try:
            if schedule.is_confirmed:
                moment = rules.next_look(schedule.record)
            schedule.problem = ""
            schedule.next_tick = None if schedule.record.missing_since else moment
        except TickError as error:
            schedule.problem = str(error)
            schedule.next_tick = None
            self._journal.warning("cannot schedule", schedule=schedule.key.name, reason=error)
        self._agenda.set(schedule.key, moment)
        self._arm()

    def _arm(self) -> None:
        nearest = self._agenda.first()
        if nearest is None or self._is_closing:
            self._timers.disarm("look")
            return
        delay = min(_LOOK_INTERVAL, max(0.0, nearest - self._clock.time()))
        self._timers.arm("look", delay, self._look)

    def _look(self) -> None:
        """Takes up what is due."""
        now, passing = self._clock.time(), self._clock.monotonic()
        drift = (now - self._last_look[0]) - (passing - self._last_look[1])
        self._last_look = (now, passing)
        self._awake_since = rules.awake_since(self._awake_since, int(now), drift)
        claims: list[tuple[Claim, ScheduleRecord]] = []
        orphans: list[ScheduleKey] = []
        for key in self._agenda.pop_due(now, _SCHEDULES_PER_LOOK):
            schedule = self._schedules.at(key)
            before = schedule.record
            if before.missing_since:
                if rules.is_orphan(before, int(now)):
                    orphans.append(key)
                    continue
            elif claim := self._claim_of(schedule, now):
                claims.append((claim, before))
            self._plan(schedule)
        if orphans:
            self._tasks.start(self._forget(orphans), "writing of schedules")
        if claims:
            self._tasks.start(self._claim(claims), "writing of ticks")
        self._arm()

    def _claim_of(self, schedule: Schedule, now: float) -> Claim | None:
        try:
            due = rules.take_due(schedule.record, int(now), self._awake_since)
        except TickError:
            return None  # the next plan tells of it
        if due is None:
            return None
        ticks = [new_tick(schedule.key, when, now, TickState.PENDING) for when in due.evaluated]
        if due.missed is not None:
            first, last = due.missed
            reason = rules.missed_reason(schedule.record.summary.tick_policy)
            missed = new_tick(schedule.key, last, now, TickState.MISSED, reason)
            if first != last:
                missed.first_scheduled_time.seconds = first
            ticks.insert(0, missed)
        schedule.record = replace(schedule.record, cursor=due.cursor)
        return Claim(schedule.record, tuple(ticks))

    async def _claim(self, claims: Sequence[tuple[Claim, ScheduleRecord]]) -> None:
        """Records ticks, then has them settled."""

        def write(tables: RunTables) -> list[list[Tick]]:
            return tables.schedules.claim([claim for claim, _ in claims])

        def on_written(inserted: list[list[Tick]]) -> None:
            for (claim, _), ticks in zip(claims, inserted, strict=True):
                schedule = self._schedules.get(claim.record.key)
                if ticks and schedule is not None and schedule.record.is_running:
                    schedule.last_tick = ticks[-1]
                    schedule.pending.extend(t for t in ticks if t.state == TickState.PENDING)
                    self._settling.begin(schedule)

        try:
            await self._store.write(write, on_written)
        except NotRecordedError as error:
            self._journal.warning("cannot record ticks", count=len(claims), reason=error)
            for claim, before in claims:
                schedule = self._schedules.get(claim.record.key)
                if schedule is not None and schedule.record is claim.record:
                    schedule.record = before
                    self._agenda.set(schedule.key, self._clock.time() + RECORD_RETRY)
            self._arm()

    async def _forget(self, keys: Sequence[ScheduleKey]) -> None:
        """Drops schedules that were gone for too long, with their ticks."""
        for key in keys:
            self._drop(key)
            self._journal.info("schedule dropped", schedule=key.name, location=key.location)
        try:
            await self._store.write(lambda tables: tables.schedules.delete(keys))
        except NotRecordedError as error:  # the next daemon drops them
            self._journal.warning("cannot write schedules", reason=error)


def summary_of(schedule: definitions_pb2.Schedule) -> ScheduleSummary:
    """Returns what a list says of a schedule that is constructed."""
    return ScheduleSummary(
        name=schedule.name,
        description=schedule.description,
        cron_schedule=schedule.cron_schedule,
        execution_timezone=schedule.execution_timezone,
        pipeline=schedule.pipeline,
        tick_policy=schedule.tick_policy if schedule.HasField("tick_policy") else None,
    )


def _summaries(location: str, generation: Generation) -> dict[ScheduleKey, ScheduleSummary]:
    return {
        ScheduleKey(location, name, summary.name.rpartition("/")[2]): summary
        for name, repository in generation.repositories.items()
        for summary in repository.schedules
    }
