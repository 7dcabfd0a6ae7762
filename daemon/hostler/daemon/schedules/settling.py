"""Settles the ticks that are on record as pending: those of one schedule after one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.runs.store.run_store import NotRecordedError
from hostler.daemon.runs.store.schedule_record import ScheduleKey, Tick, TickState, tick_time
from hostler.daemon.schedules.tick_work import TickContext, TickWork
from hostler.daemon.schedules.waiting import pause

if TYPE_CHECKING:
    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.schedules.schedule import Schedule

#: Seconds until a tick is recorded again that could not be.
RECORD_RETRY = 5.0


class Settling:
    """Has a task for each schedule that has pending ticks.

    Attributes:
        is_closing: whether the daemon stops, and no further task is begun.
    """

    def __init__(self, context: TickContext, tasks: Tasks, journal: Journal) -> None:
        self.is_closing = False
        self._context = context
        self._tasks = tasks
        self._journal = journal

    def begin(self, schedule: Schedule) -> None:
        """Has the pending ticks of a schedule settled, unless that is under way."""
        is_working = schedule.task is not None and not schedule.task.done()
        if schedule.pending and not is_working and not self.is_closing:
            name = f"ticks of schedule {schedule.key.name}"
            schedule.task = self._tasks.start(self._settle(schedule), name)

    async def _settle(self, schedule: Schedule) -> None:
        """Settles the ticks of a schedule, one after the other."""
        while schedule.pending:
            work = TickWork(
                self._context,
                schedule.key,
                schedule.pending[0],
                lambda: schedule.record.summary.tick_policy,
            )
            try:
                tick = await work.settle()
            except NotRecordedError as error:
                name = schedule.key.name
                self._journal.warning("cannot record a tick", schedule=name, reason=error)
                await pause(self._context.clock, RECORD_RETRY)
                continue
            except Exception as error:  # noqa: BLE001 (a fault of ours; the next ticks must go on)
                self._journal.fault("a tick failed", error, schedule=schedule.key.name)
                tick = await work.give_up("a fault of hostler's own; its log has the traceback")
            schedule.pending.popleft()
            last = schedule.last_tick
            if last is None or tick_time(tick) >= tick_time(last):
                schedule.last_tick = tick
            self._log(schedule.key, tick)

    def _log(self, key: ScheduleKey, tick: Tick) -> None:
        """Tells of a tick that should have launched a run; the end of a run is told anyway."""
        if tick.state in (TickState.FAILED, TickState.MISSED):
            due, state = tick.scheduled_time.ToJsonString(), TickState.Name(tick.state)
            place = {"schedule": key.name, "location": key.location}
            self._journal.warning("tick", **place, due=due, state=state, reason=tick.reason)
