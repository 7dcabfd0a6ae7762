"""The tables of the record of runs: all statements on the one connection that writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.daemon.runs.store.events import StoredEvent, store_event, to_row
from hostler.daemon.runs.store.readable import read_run
from hostler.daemon.runs.store.record import (
    ENDED,
    Run,
    RunEvent,
    State,
    apply_event,
    is_last_event,
    is_same_launch,
    make_event,
    pipeline_parts,
    run_id,
)
from hostler.daemon.runs.store.schedule_tables import ScheduleTables
from hostler.daemon.runs.store.steps import Step, Steps
from hostler.v1 import run_pb2

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

#: Rows that one transaction of the clean-up deletes: some milliseconds of the writer.
ROWS_PER_STEP = 1000

#: Pages that one step gives back to the disk: some milliseconds of the writer.
_PAGES_PER_STEP = 500

#: Free pages that the file keeps, 4 MB, for the runs that come.
_KEPT_PAGES = 1000

_ENDED = ", ".join(map(str, sorted(ENDED)))
_ACTIVE = ", ".join(map(str, sorted(set(State.values()) - ENDED)))


class RejectedWriteError(Exception):
    """A request is refused, and nothing was written for it."""


class RequestIdConflictError(RejectedWriteError):
    """The request id belongs to a launch with another content."""


class UnknownRunError(RejectedWriteError):
    """There is no such run."""


class RunActiveError(RejectedWriteError):
    """The run has not ended."""


class EventLostError(RejectedWriteError):
    """An earlier event of the run could not be written: this one would follow a gap."""


@dataclass(slots=True)
class _OpenRun:
    """A run that has not ended, as the tables have it."""

    key: int
    run: Run
    steps: Steps


class RunTables:
    """Reads and writes the tables on the writer's connection, within its transactions.

    Attributes:
        schedules: the tables of schedules and ticks.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.schedules = ScheduleTables(connection)
        self._open_runs: dict[str, _OpenRun] = {}
        #: Why an event could not be written, by run.
        self._lost_reasons: dict[str, str] = {}

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Undoes the transaction; runs are read from the tables again."""
        self._open_runs.clear()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def set_lock_timeout(self, seconds: float) -> None:
        """Sets how long `begin` waits for another program that has locked the file."""
        self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def close(self) -> None:
        self._connection.close()

    def recover(self) -> list[Run]:
        """Marks the runs that were active as interrupted; returns those in the queue, in order."""
        rows = self._connection.execute(
            f"SELECT name FROM runs WHERE state NOT IN ({_ENDED}) ORDER BY id"  # noqa: S608 (ours)
        )
        queued = []
        for (name,) in rows.fetchall():
            found = self._find(name)
            assert found is not None
            if found.run.state == State.QUEUED:
                queued.append(_copy(found.run))
            else:
                reason = "the daemon ended while the run was under way"
                interrupted = run_pb2.RunInterrupted(reason=reason)
                self.append(name, make_event("run_interrupted", interrupted))
        return queued

    def create(
        self, run: Run, queued: RunEvent, asked: Run | None = None
    ) -> tuple[Run, StoredEvent | None]:
        """Records a run and its first event.

        Args:
            asked: what the caller asked for, where the run has more than that.

        Returns:
            The run, and the event as it was written; or the run that was launched with the same
            request id before, and None.

        Raises:
            RequestIdConflictError: that one was launched with another content.
        """
        if run.request_id:
            found = self._connection.execute(
                "SELECT message, asked FROM runs WHERE request_id = ?", (run.request_id,)
            ).fetchone()
            if found is not None:
                earlier = read_run(found[0])
                if not is_same_launch(read_run(found[1] or found[0]), asked or run):
                    raise RequestIdConflictError(earlier.name)
                return earlier, None
        made = _copy(run)
        queued.sequence = 1
        apply_event(made, queued)
        location, repository, pipeline = pipeline_parts(made)
        cursor = self._connection.execute(
            "INSERT INTO runs (name, request_id, location, repository, pipeline, state,"
            " create_time, message, asked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run_id(made),
                made.request_id or None,
                location,
                repository,
                pipeline,
                made.state,
                made.create_time.ToNanoseconds(),
                made.SerializeToString(),
                asked.SerializeToString() if asked else None,
            ),
        )
        key = cursor.lastrowid
        assert key is not None
        self._connection.executemany(
            "INSERT INTO tags (key, value, run) VALUES (?, ?, ?)",
            [(name, value, key) for name, value in made.tags.items()],
        )
        self._open_runs[run_id(made)] = _OpenRun(key, made, Steps(made))
        return _copy(made), self._insert_event(key, queued)

    def active_run(self, location: str, repository: str, tag: tuple[str, str]) -> str:
        """Returns the name of a run with a tag that has not ended; "" where there is none."""
        row = self._connection.execute(
            "SELECT name FROM runs INDEXED BY runs_by_state"  # noqa: S608 (ours)
            f" WHERE state IN ({_ACTIVE}) AND location = ? AND repository = ? AND EXISTS"
            " (SELECT 1 FROM tags WHERE key = ? AND value = ? AND run = runs.id) LIMIT 1",
            (location, repository, *tag),
        ).fetchone()
        return f"runs/{row[0]}" if row else ""

    def append(self, name: str, run_event: RunEvent) -> StoredEvent | None:
        """Numbers and writes an event of a run; returns it as it was written.

        Returns None where the run has ended or is gone. Where an earlier event was lost, the last
        event becomes a failure that says so.

        Raises:
            EventLostError: an earlier event of the run was lost, and this is not its end.
        """
        found = self._find(name)
        if found is None or found.run.state in ENDED:
            return None
        if name in self._lost_reasons:
            if not is_last_event(run_event):
                raise EventLostError(self._lost_reasons[name])
            failure = run_pb2.RunFailure(message=self._lost_reasons[name])
            run_event = make_event("run_failed", run_pb2.RunFailed(failure=failure))
        run_event.sequence = found.run.last_sequence + 1
        stored = self._insert_event(found.key, run_event)
        for step in found.steps.apply(run_event):
            self._write_step(found.key, step)
            found.run.progress.CopyFrom(found.steps.progress)
        if apply_event(found.run, run_event):
            self._update_run(found)
        if is_last_event(run_event):
            del self._open_runs[name]
        return stored

    def mark_lost(self, name: str, reason: str) -> None:
        """Notes that an event of the run cannot be written, so that the run is to fail."""
        self._lost_reasons.setdefault(name, reason)

    def clear_lost(self, name: str) -> None:
        """Forgets a lost run: its end has been written."""
        self._lost_reasons.pop(name, None)

    def mark_canceling(self, name: str) -> None:
        """Records that a cancel was asked for; changes nothing where the run has ended."""
        found = self._find(name)
        if found is not None and found.run.state not in ENDED:
            found.run.state = State.CANCELING
            self._update_run(found)

    def delete_all(self, names: Iterable[str]) -> dict[str, RejectedWriteError | None]:
        """Deletes runs; returns for each why it was not deleted, None where it was."""
        done: dict[str, RejectedWriteError | None] = {}
        for name in names:
            try:
                self.delete(name)
            except RejectedWriteError as error:
                done[name] = error
            else:
                done[name] = None
        return done

    def delete(self, name: str) -> None:
        """Deletes a run; its events follow in `delete_leftover_events`.

        Raises:
            UnknownRunError: there is no such run.
            RunActiveError: the run has not ended.
        """
        row = self._connection.execute(
            "SELECT id, state FROM runs WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            raise UnknownRunError(name)
        if row[1] not in ENDED:
            raise RunActiveError(name)
        self._delete_run(row[0])

    def prune(self, retention: float, count: int) -> None:
        """Deletes ended runs that are too old, or too many, no more than STEP of them."""
        keys: set[int] = set()
        if retention:
            before = time.time_ns() - int(retention * 1e9)
            keys.update(self._ended_runs(before, ROWS_PER_STEP))
        if count:
            (total,) = self._connection.execute("SELECT count(*) FROM runs").fetchone()
            if total > count:
                keys.update(self._ended_runs(time.time_ns(), min(ROWS_PER_STEP, total - count)))
        for key in keys:
            self._delete_run(key)

    def delete_leftover_events(self) -> bool:
        """Deletes some events of deleted runs; returns whether there may be more."""
        row = self._connection.execute("SELECT run FROM removals LIMIT 1").fetchone()
        if row is None:
            return False
        cursor = self._connection.execute(
            "DELETE FROM events WHERE run = ?1 AND sequence <= ?2 +"
            " (SELECT min(sequence) FROM events WHERE run = ?1)",
            (row[0], ROWS_PER_STEP),
        )
        if not cursor.rowcount:
            self._connection.execute("DELETE FROM removals WHERE run = ?", row)
        return True

    def give_back(self) -> bool:
        """Gives some free pages back to the disk; returns whether there are more.

        Call it outside of a transaction. Does nothing to a file of an earlier version, whose pages
        only `compact` moves.
        """
        free = _pragma(self._connection, "freelist_count")
        if free <= _KEPT_PAGES:
            return False
        step = min(_PAGES_PER_STEP, free - _KEPT_PAGES)
        self._connection.execute(f"PRAGMA incremental_vacuum({step})").fetchall()
        left = _pragma(self._connection, "freelist_count")
        if left == free:
            return False
        if left <= _KEPT_PAGES:  # the file is cut at a checkpoint
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return left > _KEPT_PAGES

    def compact(self) -> tuple[int, int]:
        """Writes the whole file anew, without free pages. Call it outside of a transaction.

        Returns:
            The bytes of the file before and after.
        """
        before = _pragma(self._connection, "page_count")
        self._connection.execute("VACUUM")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = _pragma(self._connection, "page_size")
        return before * size, _pragma(self._connection, "page_count") * size

    def _ended_runs(self, created_before: int, limit: int) -> Iterator[int]:
        rows = self._connection.execute(
            "SELECT id FROM runs INDEXED BY runs_by_id WHERE create_time < ?"  # noqa: S608 (ours)
            f" AND state IN ({_ENDED}) ORDER BY id LIMIT ?",
            (created_before, limit),
        )
        return (key for (key,) in rows)

    def _delete_run(self, key: int) -> None:
        (message,) = self._connection.execute(
            "SELECT message FROM runs WHERE id = ?", (key,)
        ).fetchone()
        self._connection.executemany(
            "DELETE FROM tags WHERE key = ? AND value = ? AND run = ?",
            [(name, value, key) for name, value in Run.FromString(message).tags.items()],
        )
        self._connection.execute("DELETE FROM steps WHERE run = ?", (key,))
        self._connection.execute("DELETE FROM runs WHERE id = ?", (key,))
        self._connection.execute("INSERT INTO removals (run) VALUES (?)", (key,))

    def _find(self, name: str) -> _OpenRun | None:
        found = self._open_runs.get(name)
        if found is not None:
            return found
        row = self._connection.execute(
            "SELECT id, message, (SELECT max(sequence) FROM events WHERE run = id)"
            " FROM runs WHERE name = ?",
            (name,),
        ).fetchone()
        if row is None:
            return None
        run = read_run(row[1])
        run.last_sequence = row[2] or 0
        steps = self._connection.execute(
            "SELECT message FROM steps WHERE run = ? ORDER BY id", (row[0],)
        )
        known = [Step.FromString(message) for (message,) in steps]
        found = _OpenRun(row[0], run, Steps(run, known))
        if run.state not in ENDED:
            self._open_runs[name] = found
        return found

    def _insert_event(self, key: int, run_event: RunEvent) -> StoredEvent:
        stored = store_event(run_event)
        self._connection.execute(
            "INSERT INTO events (run, sequence, count, message) VALUES (?, ?, ?, ?)",
            (key, stored.last, stored.count, to_row(stored.data)),
        )
        return stored

    def _write_step(self, key: int, step: Step) -> None:
        self._connection.execute(
            "INSERT INTO steps (run, id, name, message) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (run, id) DO UPDATE SET message = excluded.message",
            (key, step.first_sequence, step.name.rpartition("/")[2], step.SerializeToString()),
        )

    def _update_run(self, found: _OpenRun) -> None:
        self._connection.execute(
            "UPDATE runs SET state = ?, message = ? WHERE id = ?",
            (found.run.state, found.run.SerializeToString(), found.key),
        )


def _copy(run: Run) -> Run:
    """Returns a copy of a run, for others to read while the writer goes on."""
    copied = Run()
    copied.CopyFrom(run)
    return copied


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
