"""What becomes of schedules and of their ticks: decided without clock and I/O.

Times are seconds since the epoch by the wall clock. What is recorded decides, never what the clock
showed before: the cursor of a schedule only ever moves on, and no tick up to it is due again. So a
clock that is put back repeats nothing; one that is put forward is as if the daemon had not run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hostler.daemon.runs.store.schedule_record import ScheduleKey, ScheduleRecord, ScheduleSummary
from hostler.daemon.schedules.cron_ticks import first_after, last_ticks, ticks_between
from hostler.v1 import definitions_pb2

Policy = definitions_pb2.TickPolicy

#: As hostler.definitions.schedules has them; the contract leaves the defaults out.
_MAX_CATCH_UP = 5
_PATIENCE = 600.0

#: Seconds that a schedule is kept which the code has no more: a deployment that was rolled back
#: within a working day finds the choices as they were.
ORPHAN_SECONDS = 12 * 3600

#: Seconds by which the wall clock and the passing time may differ between two looks: a correction
#: of less makes no tick one that the daemon has slept through.
MAX_DRIFT = 60.0

#: Ticks that are taken up at a time, where the daemon was held up for long.
_MAX_TICKS = 100

#: Seconds from a failed try of a tick to the next one: first, factor, longest.
_RETRY_FIRST, _RETRY_FACTOR, _RETRY_LONGEST = 1.0, 2.0, 60.0


@dataclass(frozen=True, slots=True)
class DueTicks:
    """What of a schedule is due.

    Attributes:
        cursor: the schedule's cursor from now on.
        evaluated: the ticks to evaluate, in order.
        missed: the first and the last of those that are not made up for; None where there are none.
    """

    cursor: int
    evaluated: tuple[int, ...]
    missed: tuple[int, int] | None


def observe(
    record: ScheduleRecord | None, key: ScheduleKey, summary: ScheduleSummary | None, now: int
) -> ScheduleRecord | None:
    """Returns the record of a schedule once its code was seen; None where none is needed.

    A schedule that begins to run, is there again, or has another cron string or time zone, is due
    from now on: nothing of it reaches back.

    Args:
        summary: what the code has; None where it has no such schedule. A lazy one is unknown until
            it is constructed, so its record stays.
    """
    if summary is None:
        if record is None or record.missing_since:
            return record
        return replace(record, missing_since=max(1, now))
    if summary.lazy:
        if record is not None and record.missing_since:
            return replace(record, missing_since=0, cursor=max(record.cursor, now))
        return record
    if record is None:
        is_running = summary.tick_policy.is_running_by_default
        return ScheduleRecord(key, summary, True, None, now) if is_running else None
    is_running = summary.tick_policy.is_running_by_default
    if record.choice is not None:
        is_running = record.choice
    begins = is_running and not record.is_running
    differs = _is_due_otherwise(record.summary, summary)
    reaches_back = not (begins or differs or record.missing_since)
    return replace(
        record,
        summary=summary,
        is_running=is_running,
        missing_since=0,
        cursor=record.cursor if reaches_back else max(record.cursor, now),
    )


def choose(
    record: ScheduleRecord | None,
    key: ScheduleKey,
    summary: ScheduleSummary,
    now: int,
    *,
    is_running: bool,
) -> ScheduleRecord:
    """Returns the record of a schedule that was started or stopped by a command.

    One that is started from a stop is due from now on, also where its cursor is ahead, since a
    clock was wrong: that is the way to have it run again.
    """
    if record is None:
        return ScheduleRecord(key, summary, is_running, is_running, now)
    begins = is_running and not record.is_running
    return replace(
        record,
        summary=summary,
        is_running=is_running,
        choice=is_running,
        cursor=now if begins else record.cursor,
    )


def is_orphan(record: ScheduleRecord, now: int) -> bool:
    """Returns whether a schedule was gone for so long that its record is dropped."""
    return bool(record.missing_since) and now - record.missing_since >= ORPHAN_SECONDS


def next_look(record: ScheduleRecord) -> int | None:
    """Returns when something of a schedule is due next; None for never.

    Raises:
        TickError: its ticks cannot be computed.
    """
    if record.missing_since:
        return record.missing_since + ORPHAN_SECONDS
    if not record.is_running or not record.summary.cron_schedule:
        return None
    return first_after(*_clock(record), record.cursor)


def take_due(record: ScheduleRecord, now: int, awake_since: int) -> DueTicks | None:
    """Returns the ticks of a schedule that runs which are due by now; None where none is.

    Args:
        awake_since: since when the daemon has looked at its clock without a gap: ticks up to then
            have passed unseen, and `catch_up` decides about them; later ones are all evaluated.

    Raises:
        TickError: the ticks cannot be computed.
    """
    clock = _clock(record)
    first = first_after(*clock, record.cursor)
    if first > now:
        return None
    passed_until = min(now, max(awake_since, record.cursor))
    punctual = ticks_between(*clock, passed_until, now, _MAX_TICKS)
    made_up: list[int] = []
    missed = None
    if first <= passed_until:
        count = catch_up_count(record.summary.tick_policy)
        latest = last_ticks(*clock, record.cursor, passed_until, count + 1)
        made_up = latest[-count:] if count else []
        left_out = latest[: len(latest) - len(made_up)]
        if left_out:
            missed = (first, left_out[-1])
    evaluated = (*made_up, *punctual)
    cursor = evaluated[-1] if evaluated else (missed or (0, record.cursor))[1]
    return DueTicks(cursor, evaluated, missed)


def catch_up_count(policy: Policy) -> int:
    """Returns how many of the ticks that have passed unseen are made up for."""
    if policy.catch_up == Policy.NONE:
        return 0
    return (policy.max_catch_up or _MAX_CATCH_UP) if policy.catch_up == Policy.ALL else 1


def missed_reason(policy: Policy) -> str:
    """Returns why ticks that have passed unseen are not made up for."""
    unseen = "the daemon did not run, or its clock was put forward across it"
    if policy.catch_up == Policy.NONE:
        return f'{unseen}; catch_up is "none"'
    if policy.catch_up == Policy.ALL:
        most = catch_up_count(policy)
        return f'{unseen}; catch_up is "all", with max_catch_up {most}'
    return f'{unseen}; catch_up is "latest"'


def patience(policy: Policy) -> float:
    """Returns the seconds that a tick waits for its location."""
    return policy.patience.ToNanoseconds() / 1e9 if policy.HasField("patience") else _PATIENCE


def retry_delay(failures: int, policy: Policy) -> float | None:
    """Returns the seconds until the functions of a tick are called again; None for no more.

    Args:
        failures: how many times they have failed, from 1 on.
    """
    if failures > policy.max_retries:
        return None
    return min(_RETRY_LONGEST, _RETRY_FIRST * _RETRY_FACTOR ** min(failures - 1, 20))


def awake_since(before: int, now: int, drift: float) -> int:
    """Returns since when the clock was looked at without a gap.

    Args:
        before: the same at the last look.
        drift: seconds by which the wall clock has moved more than time has passed since then.
    """
    return now if abs(drift) > MAX_DRIFT else min(before, now)


def _is_due_otherwise(before: ScheduleSummary, now: ScheduleSummary) -> bool:
    places = [(each.cron_schedule, each.execution_timezone) for each in (before, now)]
    return places[0] != places[1]


def _clock(record: ScheduleRecord) -> tuple[str, str]:
    return record.summary.cron_schedule, record.summary.execution_timezone
