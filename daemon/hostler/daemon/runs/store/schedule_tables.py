"""The tables of schedules and their ticks: all statements about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hostler.daemon.runs.store.schedule_record import (
    Claim,
    ScheduleKey,
    ScheduleRecord,
    ScheduleSummary,
    Tick,
    TickState,
    tick_name,
    tick_time,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

#: `message` is a serialized ScheduleSummary in the one table, a Tick without its name in the other.
SCHEMA = """
    CREATE TABLE schedules (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        location TEXT NOT NULL,
        repository TEXT NOT NULL,
        name TEXT NOT NULL,
        is_running INTEGER NOT NULL,
        choice INTEGER,
        cursor INTEGER NOT NULL,
        missing_since INTEGER NOT NULL,
        message BLOB NOT NULL,
        UNIQUE (location, repository, name)
    );
    CREATE TABLE ticks (
        schedule INTEGER NOT NULL,
        time INTEGER NOT NULL,
        state INTEGER NOT NULL,
        message BLOB NOT NULL,
        PRIMARY KEY (schedule, time)
    ) WITHOUT ROWID;
    CREATE INDEX ticks_by_state ON ticks (schedule, state, time);
    """

#: Schedules whose ticks one step of the clean-up looks at: some milliseconds of the writer.
SCHEDULES_PER_STEP = 100

#: Why a tick that waited was given up.
STOPPED = "the schedule was stopped"

_FINAL = (TickState.LAUNCHED, TickState.SKIPPED, TickState.FAILED, TickState.MISSED)

_ID = "(SELECT id FROM schedules WHERE location = ? AND repository = ? AND name = ?)"


class ScheduleTables:
    """Reads and writes the tables within the transactions of the writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        #: The schedule after which the next step of the clean-up goes on.
        self._last_pruned = 0

    def save(self, records: Iterable[ScheduleRecord]) -> None:
        """Writes schedules as they are now; pending ticks of those that do not run are SKIPPED."""
        for record in records:
            self._save(record)
            if not record.is_running:
                self._skip_pending(record.key)

    def delete(self, keys: Iterable[ScheduleKey]) -> None:
        """Deletes schedules with their ticks."""
        for key in keys:
            self._connection.execute(f"DELETE FROM ticks WHERE schedule = {_ID}", key)  # noqa: S608 (ours)
            self._connection.execute(
                "DELETE FROM schedules WHERE location = ? AND repository = ? AND name = ?", key
            )

    def claim(self, claims: Sequence[Claim]) -> list[list[Tick]]:
        """Records ticks and moves the cursors behind them.

        Returns:
            For each claim the ticks that were not on record before.
        """
        return [self._claim(each) for each in claims]

    def is_pending(self, key: ScheduleKey, when: int) -> bool:
        """Returns whether a tick is on record and waits to be settled."""
        row = self._connection.execute(
            f"SELECT state FROM ticks WHERE schedule = {_ID} AND time = ?",  # noqa: S608 (ours)
            (*key, when),
        ).fetchone()
        return row is not None and row[0] == TickState.PENDING

    def settle(self, key: ScheduleKey, tick: Tick) -> bool:
        """Writes what became of a pending tick; returns False where it was not pending."""
        cursor = self._connection.execute(
            "UPDATE ticks SET state = ?, message = ?"  # noqa: S608 (ours)
            f" WHERE schedule = {_ID} AND time = ? AND state = ?",
            (tick.state, _packed(tick), *key, tick_time(tick), TickState.PENDING),
        )
        return cursor.rowcount > 0

    def prune(self, retention: float, count: int) -> None:
        """Deletes old ticks of some schedules; the next call goes on with others.

        Args:
            retention: seconds that a tick is kept; 0 for ever.
            count: ticks that are kept of each schedule in each state; 0 for all.
        """
        rows = self._connection.execute(
            "SELECT id FROM schedules WHERE id > ? ORDER BY id LIMIT ?",
            (self._last_pruned, SCHEDULES_PER_STEP),
        ).fetchall()
        self._last_pruned = rows[-1][0] if len(rows) == SCHEDULES_PER_STEP else 0
        before = int(time.time() - retention) if retention else 0
        for (schedule,) in rows:
            for state in _FINAL:
                self._prune(schedule, state, before, count)

    def _prune(self, schedule: int, state: int, before: int, count: int) -> None:
        oldest = before
        if count:
            row = self._connection.execute(
                "SELECT time FROM ticks WHERE schedule = ? AND state = ?"
                " ORDER BY time DESC LIMIT 1 OFFSET ?",
                (schedule, state, count - 1),
            ).fetchone()
            oldest = max(before, row[0] if row else 0)
        self._connection.execute(
            "DELETE FROM ticks WHERE schedule = ? AND state = ? AND time < ?",
            (schedule, state, oldest),
        )

    def _save(self, record: ScheduleRecord) -> None:
        self._connection.execute(
            "INSERT INTO schedules (location, repository, name, is_running, choice, cursor,"
            " missing_since, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (location, repository, name) DO UPDATE SET"
            " is_running = excluded.is_running, choice = excluded.choice,"
            " cursor = excluded.cursor, missing_since = excluded.missing_since,"
            " message = excluded.message",
            (
                *record.key,
                record.is_running,
                record.choice,
                record.cursor,
                record.missing_since,
                record.summary.SerializeToString(),
            ),
        )

    def _claim(self, claim: Claim) -> list[Tick]:
        record = claim.record
        self._save(record)  # all of it: an earlier change may not have been written
        inserted = []
        for tick in claim.ticks:
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO ticks (schedule, time, state, message)"
                " SELECT id, ?, ?, ? FROM schedules"
                " WHERE location = ? AND repository = ? AND name = ?",
                (tick_time(tick), tick.state, _packed(tick), *record.key),
            )
            if cursor.rowcount > 0:
                inserted.append(tick)
        return inserted

    def _skip_pending(self, key: ScheduleKey) -> None:
        for tick in ticks_of(self._connection, key, (TickState.PENDING,), None, -1):
            tick.state = TickState.SKIPPED
            tick.reason = STOPPED
            tick.end_time.FromNanoseconds(time.time_ns())
            self.settle(key, tick)


def load(
    connection: sqlite3.Connection, *keys: ScheduleKey
) -> list[tuple[ScheduleRecord, Tick | None, list[Tick]]]:
    """Returns schedules on record, each with its last tick and with its pending ones in order.

    Args:
        keys: the schedules that are wanted; all where none is named.
    """
    rows = connection.execute(
        "SELECT location, repository, name, message, is_running, choice, cursor, missing_since"
        " FROM schedules ORDER BY id"
    )
    found = []
    for *parts, message, is_running, choice, cursor, missing_since in rows:
        key = ScheduleKey(*parts)
        if keys and key not in keys:
            continue
        chosen = None if choice is None else bool(choice)
        summary = ScheduleSummary.FromString(message)
        record = ScheduleRecord(key, summary, bool(is_running), chosen, cursor, missing_since)
        last = ticks_of(connection, key, (), None, 1)
        pending = ticks_of(connection, key, (TickState.PENDING,), None, -1)
        found.append((record, last[0] if last else None, pending[::-1]))
    return found


def ticks_of(
    connection: sqlite3.Connection,
    key: ScheduleKey,
    states: Sequence[int],
    before: int | None,
    size: int,
) -> list[Tick]:
    """Returns ticks of a schedule, newest first.

    Args:
        states: only ticks in one of these; none for all.
        before: only ticks that were due before it; None for all.
        size: so many at most; -1 for all.
    """
    conditions, values = [f"schedule = {_ID}"], list[str | int](key)
    if states:
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        values += states
    if before is not None:
        conditions.append("time < ?")
        values.append(before)
    rows = connection.execute(
        f"SELECT message FROM ticks WHERE {' AND '.join(conditions)}"  # noqa: S608 (ours; values are bound)
        " ORDER BY time DESC LIMIT ?",
        (*values, size),
    )
    return [read_tick(key, message) for (message,) in rows]


def read_tick(key: ScheduleKey, message: bytes) -> Tick:
    """Returns a tick of the record with its name."""
    tick = Tick.FromString(message)
    tick.name = tick_name(key, tick_time(tick))
    return tick


def _packed(tick: Tick) -> bytes:
    """Serializes a tick; the table has what its name says."""
    unnamed = Tick()
    unnamed.CopyFrom(tick)  # the loop may read it meanwhile
    unnamed.ClearField("name")
    return unnamed.SerializeToString()
