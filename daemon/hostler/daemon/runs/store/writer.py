"""The one thread that writes the record of runs: one transaction for all entries that wait.

What an entry writes is in `tables`.
"""

from __future__ import annotations

import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hostler.daemon.runs.store.tables import RejectedWriteError

if TYPE_CHECKING:
    import asyncio

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.runs.store.reserve import DiskReserve
    from hostler.daemon.runs.store.tables import RunTables

#: Entries of one transaction: with more, the first one's wait outweighs what the last one gains.
BATCH_SIZE = 1000

#: Seconds between two tries to write an end that could not be written.
_RETRY_INTERVAL = 1.0

#: Seconds between two looks for runs that are to be deleted.
_PRUNE_INTERVAL = 60.0

#: Seconds at the daemon's end for another program to unlock the record: one that is at work is done
#: by then, and what has stopped in the middle must not keep the daemon.
LOCK_PATIENCE = 10.0

#: Seconds of one try to write while another program has locked the record, and between warnings.
_LOCK_TRY, _LOCK_WARNING_INTERVAL = 0.5, 10.0

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class WriteKind(Enum):
    """What becomes of an entry that cannot be written."""

    #: A caller waits for it and gets the error.
    REQUEST = "request"
    #: An event of a run: the run fails, since its record would have a gap.
    EVENT = "event"
    #: The last event of a run: the writer tries again until it is written.
    END = "end"


@dataclass(frozen=True, slots=True)
class WriteEntry:
    """Something to be written.

    Attributes:
        write: called on the writer's thread, in a transaction; again where that was rolled back.
        publish: called on the loop with what `write` returned, once that is on disk.
        reject: called on the loop with the error, when the writer gives the entry up.
    """

    kind: WriteKind
    run_id: str
    write: Callable[[RunTables], Any]
    publish: Callable[[Any], None]
    reject: Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class Compaction:
    """A file that is to be written anew, without free pages.

    Attributes:
        on_end: called on the loop with its bytes before and after, or with the error.
    """

    on_end: Callable[[tuple[int, int] | Exception], None]


class DiskFullError(Exception):
    """The disk was full a moment ago: only ends of runs are written until there is room."""

    def __init__(self) -> None:
        super().__init__("database or disk is full")


class LockedError(Exception):
    """The daemon ends, and another program has locked the record for too long."""

    def __init__(self, holders: str) -> None:
        super().__init__(f"the record is locked by {holders or 'another program'}")


class RunWriter:
    """Takes entries from the loop and writes them in their order."""

    def __init__(
        self,
        tables: RunTables,
        reserve: DiskReserve,
        loop: asyncio.AbstractEventLoop,
        journal: Journal,
        prune: Callable[[RunTables], None],
        find_lock_holders: Callable[[], str] = str,
    ) -> None:
        self._tables = tables
        self._reserve = reserve
        self._loop = loop
        self._journal = journal
        self._prune = prune
        self._find_lock_holders = find_lock_holders
        self._give_up_at = math.inf
        self._next_lock_warning = 0.0
        self._has_given_up = False
        tables.set_lock_timeout(_LOCK_TRY)
        self._entries: queue.SimpleQueue[WriteEntry | Compaction | None] = queue.SimpleQueue()
        #: Ends that could not be written, by run.
        self._unwritten_ends: dict[str, WriteEntry] = {}
        self._compactions: list[Compaction] = []
        self._next_retry = 0.0
        self._next_prune = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="run-writer", daemon=True)
        self._thread.start()

    def submit(self, entry: WriteEntry | Compaction) -> None:
        """Hands an entry over to be written; call it on the loop."""
        self._entries.put(entry)

    def limit_patience(self) -> None:
        """Gives entries up from LOCK_PATIENCE seconds on if another program locks the record."""
        self._give_up_at = min(self._give_up_at, time.monotonic() + LOCK_PATIENCE)

    def close(self) -> None:
        """Writes the entries that wait, and ends the thread; blocks until then."""
        self.limit_patience()
        self._entries.put(None)
        self._thread.join()

    def _work(self) -> None:
        has_more = False
        while not self._closing or not self._entries.empty():
            try:
                batch = self._next_batch(0.0 if has_more else _RETRY_INTERVAL)
                if batch:
                    self._write(batch)
                self._retry()
                has_more = self._clean_up()
                while self._compactions:
                    self._compact(self._compactions.pop())
                if not batch and not has_more:
                    has_more = self._give_back()
            except Exception as error:  # noqa: BLE001 (logged; the next entry may succeed)
                self._journal.fault("writing of the record of runs failed", error)
        self._next_retry = 0.0
        self._retry()
        for entry in self._unwritten_ends.values():
            self._journal.error("the end of a run is not recorded", run=entry.run_id)
        self._tables.close()

    def _next_batch(self, timeout: float) -> list[WriteEntry]:
        batch: list[WriteEntry] = []
        try:
            entry = self._entries.get(timeout=timeout) if timeout else self._entries.get_nowait()
            while True:
                if entry is None:
                    self._closing = True
                elif isinstance(entry, Compaction):
                    self._compactions.append(entry)
                else:
                    batch.append(entry)
                if len(batch) == BATCH_SIZE:
                    break
                entry = self._entries.get_nowait()
        except queue.Empty:
            pass
        return batch

    def _write(self, batch: list[WriteEntry]) -> None:
        if not self._reserve.acquire():
            batch = self._reject_all_but_ends(batch)
        try:
            self._transact(batch)
        except Exception:  # noqa: BLE001 (each is written alone, to find the one that fails)
            for entry in batch:
                self._write_alone(entry)

    def _write_alone(self, entry: WriteEntry) -> None:
        try:
            self._transact([entry])
        except Exception as error:  # noqa: BLE001 (logged, and handed to the entry's owner)
            if isinstance(error, LockedError):
                if not self._has_given_up:
                    self._journal.error("gave up writing the record of runs", reason=error)
                self._has_given_up = True
            elif isinstance(error, sqlite3.Error):
                event = "cannot write the record of a run"
                self._journal.error(event, run=entry.run_id, error=error)
            else:
                self._journal.fault("an entry of the record of runs failed", error)
            if entry.kind is not WriteKind.END:
                self._give_up(entry, error)
                return
            if not isinstance(error, LockedError):
                self._reserve.release()
            self._unwritten_ends[entry.run_id] = entry
            self._next_retry = 0.0
            self._retry()

    def _reject_all_but_ends(self, batch: list[WriteEntry]) -> list[WriteEntry]:
        for entry in batch:
            if entry.kind is not WriteKind.END:
                self._give_up(entry, DiskFullError())
        return [entry for entry in batch if entry.kind is WriteKind.END]

    def _give_up(self, entry: WriteEntry, error: Exception) -> None:
        if entry.kind is WriteKind.EVENT:
            self._tables.mark_lost(entry.run_id, f"cannot write the record of the run: {error}")
        self._loop.call_soon_threadsafe(entry.reject, error)

    def _retry(self) -> None:
        """Tries again to write the ends that could not be written."""
        if not self._unwritten_ends or time.monotonic() < self._next_retry:
            return
        self._next_retry = time.monotonic() + _RETRY_INTERVAL
        for run_id, entry in list(self._unwritten_ends.items()):
            try:
                self._transact([entry])
            except Exception:  # noqa: BLE001 (it was logged when the entry failed first)
                return
            del self._unwritten_ends[run_id]

    def _transact(self, batch: list[WriteEntry]) -> None:
        """Writes entries in one transaction and publishes them.

        Raises:
            Exception: an entry failed, and nothing was written.
        """
        while True:
            try:
                self._tables.begin()
                written = [self._perform(entry) for entry in batch]
                self._tables.commit()
            except BaseException as error:
                self._tables.roll_back()
                if getattr(error, "sqlite_errorcode", None) in _LOCKED:
                    self._wait_for_lock()
                    continue
                raise
            break
        for entry in batch:
            if entry.kind is WriteKind.END:
                self._tables.clear_lost(entry.run_id)
        self._loop.call_soon_threadsafe(_notify, written)

    def _wait_for_lock(self) -> None:
        """Warns of a locked record now and then.

        Raises:
            LockedError: the daemon ends, and has waited for long enough.
        """
        now = time.monotonic()
        is_over = now >= self._give_up_at
        if now >= self._next_lock_warning or is_over:
            self._next_lock_warning = now + _LOCK_WARNING_INTERVAL
            holders = self._find_lock_holders()
            if is_over:
                self._tables.set_lock_timeout(0)
                raise LockedError(holders)
            who = holders or "another program"
            self._journal.warning("the record of runs is locked", by=who)

    def _perform(self, entry: WriteEntry) -> tuple[Callable[[Any], None], Any]:
        try:
            return entry.publish, entry.write(self._tables)
        except RejectedWriteError as error:
            return entry.reject, error

    def _clean_up(self) -> bool:
        """Deletes some old runs and events; returns whether to continue at once."""
        if not self._reserve.is_held:
            return False
        now = time.monotonic()
        try:
            self._tables.begin()
            if now >= self._next_prune:
                self._next_prune = now + _PRUNE_INTERVAL
                self._prune(self._tables)
            has_more = self._tables.delete_leftover_events()
            self._tables.commit()
        except sqlite3.Error as error:
            self._tables.roll_back()
            self._journal.warning("cannot tidy the record of runs", error=error)
            return False
        return has_more

    def _give_back(self) -> bool:
        """Gives some room of deleted runs back to the disk; returns whether to continue at once."""
        try:
            return self._tables.give_back()
        except sqlite3.Error as error:
            self._journal.warning("cannot give room of the record of runs back", error=error)
            return False

    def _compact(self, compaction: Compaction) -> None:
        end: tuple[int, int] | Exception
        try:
            end = self._tables.compact()
        except sqlite3.Error as error:
            end = error
        self._loop.call_soon_threadsafe(compaction.on_end, end)


def _notify(written: list[tuple[Callable[[Any], None], Any]]) -> None:
    for publish, value in written:
        publish(value)
