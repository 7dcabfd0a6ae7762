"""Keeps runs and their events on disk, where they are before any reader sees them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from hostler.daemon.runs.store import database
from hostler.daemon.runs.store.database import StoreError
from hostler.daemon.runs.store.live_run import EventProducer, LiveRun, TailBudget
from hostler.daemon.runs.store.lock_holders import lock_holders
from hostler.daemon.runs.store.reader import RunReader
from hostler.daemon.runs.store.record import (
    OUTPUTS,
    Run,
    RunEvent,
    RunFilter,
    is_last_event,
    make_event,
    run_id,
)
from hostler.daemon.runs.store.reserve import DiskReserve
from hostler.daemon.runs.store.tables import RunTables
from hostler.daemon.runs.store.writer import (
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

_QUOTA_REACHED = (
    "the record of this run has %d bytes of output, and HOSTLER_RUN_BYTES allows no more: the run "
    "goes on, and what it logs and prints from here is in the location's log alone"
)
_LEFT_OUT = "%d lines of output (%d bytes) were not recorded, since HOSTLER_RUN_BYTES was reached"


class StoreClosedError(Exception):
    """The daemon is ending."""


class NotRecordedError(Exception):
    """What was asked for cannot be written."""


class RunStore:
    """Holds the runs of a state folder, by id: the last part of their resource name.

    One thread writes what is handed over, in that order; readers see it after that.

    Attributes:
        queued: the runs that an earlier daemon left in the queue, in order.
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
        self._tails = TailBudget()
        self._live_runs: dict[str, LiveRun] = {}
        self._is_closing = False
        self._lock = _lock_folder(folder)
        reserve = DiskReserve(folder / "runs.reserve")
        try:
            tables = RunTables(database.open_for_writing(path, settings.run_synchronous))
            self.queued = _recover(tables, reserve, path)
            self._reader = RunReader(path)
        except BaseException:
            os.close(self._lock)
            raise
        for run in self.queued:
            self._live_runs[run_id(run)] = self._make_live_run()
        self._writer = RunWriter(
            tables,
            reserve,
            asyncio.get_running_loop(),
            journal,
            lambda tables: tables.prune(settings.run_retention, settings.run_count),
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

        def publish(answer: tuple[Run, bytes | None]) -> None:
            made, first = answer
            if first is not None:
                live_run = self._live_runs[run_id(made)] = self._make_live_run()
                live_run.publish(1, first)
                on_recorded(made)

        write = partial(RunTables.create, run=run, queued=queued, asked=asked)
        made, _ = await self._request_write(run_id(run), write, publish)
        return made

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
            if not self._fits(live_run, event):
                if live_run.left_out[0] == 1:
                    self._submit(run_id, live_run, _remark(_QUOTA_REACHED % self._max_bytes))
                return
        elif is_last_event(event) and live_run.left_out[0]:
            self._submit(run_id, live_run, _remark(_LEFT_OUT % live_run.left_out))
        self._submit(run_id, live_run, event)

    def _make_live_run(self) -> LiveRun:
        return LiveRun(self._max_backlog, self._tails)

    def _fits(self, live_run: LiveRun, event: RunEvent) -> bool:
        """Counts an event of output; returns whether it is within the quota of its run."""
        size = event.ByteSize()
        count, left_out = live_run.left_out
        if count or live_run.recorded + size > self._max_bytes:
            live_run.left_out = (count + 1, left_out + size)
            return False
        live_run.recorded += size
        return True

    def _submit(self, run_id: str, live_run: LiveRun, event: RunEvent) -> None:
        kind = WriteKind.END if is_last_event(event) else WriteKind.EVENT
        live_run.is_ending = kind is WriteKind.END
        size = live_run.add_to_backlog(event)

        def publish(written: tuple[int, bytes] | None) -> None:
            if kind is WriteKind.END:
                live_run.end()
                self._live_runs.pop(run_id, None)
            if written is not None:
                live_run.publish(*written)
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
        await self._request_write(run_id, lambda tables: tables.mark_canceling(run_id))

    async def delete(self, run_id: str) -> None:
        """Deletes a run that has ended.

        Raises:
            UnknownRunError: there is no such run.
            RunActiveError: the run has not ended.
            NotRecordedError: the deletion cannot be written.
        """
        await self._request_write(run_id, lambda tables: tables.delete(run_id))

    async def flush(self) -> None:
        """Returns when all events that were handed over are on disk, or were given up."""
        await self._request_write("", lambda _: None)

    async def get(self, run_id: str) -> Run | None:
        """Returns the run as it is on disk; None where there is none."""
        return await self._reader.run(run_id)

    async def find_by_request_id(self, request_id: str) -> tuple[Run, Run] | None:
        """Returns the run that was launched with a request id, and what was asked for."""
        return await self._reader.run_by_request_id(request_id)

    async def page(
        self, run_filter: RunFilter, size: int, before: int | None, size_bytes: int = 0
    ) -> list[tuple[int, Run]]:
        """Returns runs that fit a filter, newest first, each with its position in the order.

        Args:
            before: the position after which the page begins; None for the first page.
            size_bytes: of the messages; one more run than fits is returned. 0 for no such limit.
        """
        return await self._reader.page(run_filter, size, before, size_bytes)

    async def follow(self, run_id: str, after: int) -> AsyncIterator[bytes]:
        """Yields the serialized events after a sequence number, past ones first, to the run's end.

        Raises:
            StoreClosedError: the daemon ends before the run.
        """
        live_run = self._live_runs.get(run_id)
        while True:
            # taken before the read, so that events after the read set it
            new_events = live_run.new_events if live_run else None
            has_ended = live_run is None or live_run.has_ended
            in_memory = live_run.events_after(after) if live_run else []
            found = in_memory or await self._reader.events(run_id, after)
            for sequence, data in found:
                after = sequence
                yield data
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


def _remark(message: str) -> RunEvent:
    return make_event(
        "log_message", run_pb2.LogMessage(level=run_pb2.LogMessage.WARNING, message=message)
    )


def _lock_folder(folder: Path) -> int:
    """Locks a state folder: two daemons in it would each end the other's runs."""
    descriptor = os.open(folder / "runs.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).strip().decode("ascii", "replace")
        os.close(descriptor)
        which = f"another daemon, with pid {holder}," if holder.isdecimal() else "another daemon"
        raise StoreError(
            f"cannot use the state folder {folder}: {which} uses it, since it serves the same "
            "workspace on another socket or was given the same --state; stop that one, or name "
            "another folder with --state"
        ) from None
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _recover(tables: RunTables, reserve: DiskReserve, path: Path) -> list[Run]:
    for attempt in range(2):
        try:
            tables.begin()
            queued = tables.recover()
            tables.commit()
        except sqlite3.Error as error:
            tables.roll_back()
            reserve.release()
            if attempt:
                tables.close()
                raise StoreError(f"cannot write the record of runs {path}: {error}") from error
        else:
            return queued
    raise AssertionError("returned or raised")
