"""Keeps runs and their events on disk, where they are before any reader sees them."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from hostler.daemon.runs.store import database
from hostler.daemon.runs.store.events import StoredEvent, events_after, single_events
from hostler.daemon.runs.store.live_run import EventProducer, LiveRun, TailBudget
from hostler.daemon.runs.store.lock_holders import lock_holders
from hostler.daemon.runs.store.opening import lock_folder, recover
from hostler.daemon.runs.store.reader import RunReader
from hostler.daemon.runs.store.record import (
    ENDED,
    OUTPUTS,
    Run,
    RunEvent,
    State,
    is_last_event,
    make_event,
    run_id,
    without_config,
)
from hostler.daemon.runs.store.recorded_runs import RecordedRuns
from hostler.daemon.runs.store.reserve import DiskReserve
from hostler.daemon.runs.store.run_feed import RunFeed
from hostler.daemon.runs.store.tables import RejectedWriteError, RunTables
from hostler.daemon.runs.store.writer import (
    Compaction,
    DiskFullError,
    LockedError,
    RunWriter,
    WriteEntry,
    WriteKind,
)
from hostler.v1 import run_pb2

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.settings import Settings

T = TypeVar("T")

#: Runs that one transaction deletes: some milliseconds of the writer.
_DELETIONS = 200

_QUOTA_REACHED = (
    "the record of this run has %d bytes of output, and HOSTLER_RUN_BYTES allows no more: the run "
    "goes on, and what it logs and prints from here is in the location's log alone"
)
_LEFT_OUT = "%d lines of output (%d bytes) were not recorded, since HOSTLER_RUN_BYTES was reached"


class StoreClosedError(Exception):
    """The daemon is ending."""


class NotRecordedError(Exception):
    """What was asked for cannot be written."""


class RunStore(RecordedRuns):
    """Holds the runs of a state folder, by id: the last part of their resource name.

    One thread writes what is handed over, in that order; readers see it after that.

    Attributes:
        queued: the runs that an earlier daemon left in the queue, in order.
        feed: what changes in all runs.
    """

    def __init__(self, folder: Path, settings: Settings, journal: Journal) -> None:
        """Opens the record; blocks, so call it on the loop's thread before the daemon serves.

        Raises:
            StoreError: the record cannot be used, or another daemon uses it.
            OSError: the folder cannot be written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / database.FILE
        self._max_backlog = settings.run_backlog
        self._max_bytes = settings.run_bytes
        self.feed = RunFeed()
        self._tails = TailBudget()
        self._is_closing = False
        self._lock = lock_folder(folder)
        reserve = DiskReserve(folder / "runs.reserve")
        try:
            tables = RunTables(database.open_for_writing(path, settings.run_synchronous))
            self.queued = recover(tables, reserve, path)
            super().__init__(RunReader(path))
        except BaseException:
            os.close(self._lock)
            raise
        for run in self.queued:
            self._live_runs[run_id(run)] = self._make_live_run(run)
        self._writer = RunWriter(
            tables,
            reserve,
            asyncio.get_running_loop(),
            journal,
            partial(_prune, settings=settings),
            partial(lock_holders, path),
        )

    def limit_patience(self) -> None:
        """Waits from now on only so long for another program that has locked the record."""
        self._writer.limit_patience()

    async def close(self) -> None:
        """Writes what was handed over, and closes the files."""
        self.end_followers()
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._reader.close)
        os.close(self._lock)

    def end_followers(self) -> None:
        """Ends the iteration of those who follow runs that have not ended."""
        self._is_closing = True
        self.feed.close()
        for live_run in self._live_runs.values():
            live_run.wake_followers()

    async def create(
        self,
        run: Run,
        queued: RunEvent,
        on_recorded: Callable[[Run], None],
        asked: Run | None = None,
    ) -> Run:
        """Records a run with its first event, and returns it.

        Where a run was launched with the same request id before, returns that one instead.

        Args:
            on_recorded: called once a new run is on disk, also where the caller has gone by then.
            asked: what the caller asked for, where the run has more than that.

        Raises:
            RequestIdConflictError: that one was launched with another content.
            NotRecordedError: the run cannot be written.
        """

        write = partial(RunTables.create, run=run, queued=queued, asked=asked)
        made = await self.create_by(run_id(run), write, on_recorded)
        assert made is not None
        return made

    async def create_by(
        self,
        run_id: str,
        write: Callable[[RunTables], tuple[Run | None, StoredEvent | None]],
        on_recorded: Callable[[Run], None],
    ) -> Run | None:
        """Records a run and, in the same transaction, whatever else is written for it.

        Args:
            write: returns what `RunTables.create` has returned, or None twice.

        Raises:
            RequestIdConflictError, NotRecordedError: as `create`.
        """

        def publish(answer: tuple[Run | None, StoredEvent | None]) -> None:
            made, first = answer
            if made is not None and first is not None:
                live_run = self._live_runs[run_id] = self._make_live_run(made)
                live_run.publish(first)
                self.feed.note(live_run.run, at_once=True)
                on_recorded(made)

        made, _ = await self._request_write(run_id, write, publish)
        return made

    async def write(
        self, write: Callable[[RunTables], T], on_written: Callable[[T], None] = lambda _: None
    ) -> T:
        """Has something written that belongs to no run; returns what `write` returned.

        Args:
            on_written: called with that once it is on disk, also where the caller has gone.

        Raises:
            NotRecordedError: it cannot be written.
        """
        return await self._request_write("", write, on_written)

    def register_producer(self, run_id: str, producer: EventProducer) -> None:
        """Names the producer that is paused, resumed and told of lost events of a run."""
        self._live_runs[run_id].producer = producer

    def append(self, run_id: str, event: RunEvent) -> None:
        """Hands an event over to be written; it belongs to the store from then on.

        Events after the run's end are dropped, and so is output beyond the quota of a run.
        """
        live_run = self._live_runs.get(run_id)
        if live_run is None or live_run.is_ending:
            return
        if event.WhichOneof("event") in OUTPUTS:
            had_room = not live_run.left_out[0]
            fitting = live_run.cut_to_quota(event, self._max_bytes)
            if fitting is not None:
                self._submit(run_id, live_run, fitting)
            if had_room and live_run.left_out[0]:
                self._submit(run_id, live_run, _remark(_QUOTA_REACHED % self._max_bytes))
            return
        if is_last_event(event) and live_run.left_out[0]:
            self._submit(run_id, live_run, _remark(_LEFT_OUT % live_run.left_out))
        self._submit(run_id, live_run, event)

    def _make_live_run(self, run: Run) -> LiveRun:
        return LiveRun(self._max_backlog, without_config(run), self._tails)

    def _submit(self, run_id: str, live_run: LiveRun, event: RunEvent) -> None:
        kind = WriteKind.END if is_last_event(event) else WriteKind.EVENT
        live_run.is_ending = kind is WriteKind.END
        size = live_run.add_to_backlog(event)

        def publish(written: StoredEvent | None) -> None:
            if kind is WriteKind.END:
                live_run.end()
                self._live_runs.pop(run_id, None)
            if written is not None:
                # where an earlier event was lost, another end than this one was written
                told = RunEvent.FromString(written.data) if kind is WriteKind.END else event
                has_state_changed, has_changed = live_run.apply(told)
                if has_changed:
                    self.feed.note(live_run.run, at_once=has_state_changed)
                live_run.publish(written)
            else:
                live_run.wake_followers()
            live_run.remove_from_backlog(size)

        def reject(error: Exception) -> None:
            live_run.remove_from_backlog(size)
            if live_run.producer is not None:
                live_run.producer.on_lost(str(error))

        entry = WriteEntry(kind, run_id, lambda to: to.append(run_id, event), publish, reject)
        self._writer.submit(entry)

    async def mark_canceling(self, run_id: str) -> None:
        """Records that a cancel was asked for; changes nothing where the run has ended.

        Raises:
            NotRecordedError: the change cannot be written.
        """

        def publish(_: None) -> None:
            live_run = self._live_runs.get(run_id)
            if live_run is not None and live_run.run.state not in ENDED:
                live_run.run.state = State.CANCELING
                self.feed.note(live_run.run, at_once=True)

        await self._request_write(run_id, lambda tables: tables.mark_canceling(run_id), publish)

    async def delete_all(self, run_ids: Sequence[str]) -> dict[str, RejectedWriteError | None]:
        """Deletes runs that have ended; returns for each why it was not deleted, None where it was.

        Each transaction deletes some, so that others write in between.

        Raises:
            NotRecordedError: the deletion cannot be written; some may be deleted.
        """
        done: dict[str, RejectedWriteError | None] = {}
        for start in range(0, len(run_ids), _DELETIONS):
            part = run_ids[start : start + _DELETIONS]
            found = await self._request_write("", partial(RunTables.delete_all, names=part))
            done.update(found)
            for name, error in found.items():
                if error is None:
                    self._note_deleted(name)
        return done

    def _note_deleted(self, run_id: str) -> None:
        self.feed.note(Run(name=f"runs/{run_id}"), is_deleted=True)

    async def delete(self, run_id: str) -> None:
        """Deletes a run that has ended.

        Raises:
            UnknownRunError: there is no such run.
            RunActiveError: the run has not ended.
            NotRecordedError: the deletion cannot be written.
        """
        await self._request_write(run_id, lambda tables: tables.delete(run_id))
        self._note_deleted(run_id)

    async def compact(self) -> tuple[int, int]:
        """Writes the file anew, without the room of deleted runs; reads go on meanwhile.

        Events wait until it is done.

        Returns:
            The bytes of the file before and after.

        Raises:
            NotRecordedError: it cannot be written.
        """
        done: asyncio.Future[tuple[int, int] | Exception]
        done = asyncio.get_running_loop().create_future()

        def on_end(end: tuple[int, int] | Exception) -> None:
            if not done.done():  # else the caller has gone
                done.set_result(end)

        self._writer.submit(Compaction(on_end))
        end = await done
        if isinstance(end, Exception):
            raise NotRecordedError(f"cannot compact the record of runs: {end}") from end
        return end

    async def flush(self) -> None:
        """Returns when all events that were handed over are on disk, or were given up."""
        await self._request_write("", lambda _: None)

    async def follow(self, run_id: str, after: int) -> AsyncIterator[bytes]:
        """Yields the serialized events after a sequence number, past ones first, to the run's end.

        Raises:
            StoreClosedError: the daemon ends before the run.
        """
        async for stored in self._follow(run_id, after):
            for data in single_events(stored):
                yield data

    async def follow_joined(self, run_id: str, after: int) -> AsyncIterator[bytes]:
        """Yields the same, printed lines that came together as one event; raises the same."""
        async for stored in self._follow(run_id, after):
            yield stored.data

    async def _follow(self, run_id: str, after: int) -> AsyncIterator[StoredEvent]:
        live_run = self._live_runs.get(run_id)
        while True:
            # taken before the read, so that events after the read set it
            new_events = live_run.new_events if live_run else None
            has_ended = live_run is None or live_run.has_ended
            in_memory = live_run.events_after(after) if live_run else []
            found = in_memory or await self._reader.events(run_id, after)
            for stored in found:
                yield events_after(stored, after)
                after = stored.last
            if found:
                continue
            if has_ended or new_events is None:
                return
            if self._is_closing:
                raise StoreClosedError
            await new_events.wait()

    async def _request_write(
        self,
        run_id: str,
        write: Callable[[RunTables], T],
        on_written: Callable[[T], None] = lambda _: None,
    ) -> T:
        """Has the writer write something; returns what `write` returned, once it is on disk.

        Args:
            on_written: called with that, also where the caller has gone.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def publish(value: T) -> None:
            on_written(value)
            if not answer.done():  # else the caller has gone
                answer.set_result(value)

        def reject(error: Exception) -> None:
            if not answer.done():
                answer.set_exception(error)

        self._writer.submit(WriteEntry(WriteKind.REQUEST, run_id, write, publish, reject))
        try:
            return await answer
        except (sqlite3.Error, DiskFullError, LockedError) as error:
            raise NotRecordedError(f"cannot write the record of runs: {error}") from error


def _prune(tables: RunTables, settings: Settings) -> None:
    tables.prune(settings.run_retention, settings.run_count)
    tables.schedules.prune(settings.tick_retention, settings.tick_count)


def _remark(message: str) -> RunEvent:
    return make_event(
        "log_message", run_pb2.LogMessage(level=run_pb2.LogMessage.WARNING, message=message)
    )
