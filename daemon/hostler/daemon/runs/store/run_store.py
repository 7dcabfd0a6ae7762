"""Where runs and their events are kept: on disk, and there before anyone sees them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from hostler.daemon.runs.store import database
from hostler.daemon.runs.store.database import StoreError
from hostler.daemon.runs.store.reader import Reader
from hostler.daemon.runs.store.record import Filter, Run, RunEvent, is_end, run_id
from hostler.daemon.runs.store.reserve import Reserve
from hostler.daemon.runs.store.tables import Ledger
from hostler.daemon.runs.store.writer import Entry, EntryKind, FullError, Writer

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.settings import Settings

T = TypeVar("T")

#: Newest events of a run that goes on, kept in memory: who watches need not read them from disk.
_TAIL = 256

#: What a small event takes in memory.
_LEAST = 256


class ClosedError(Exception):
    """The daemon is ending."""


class NotRecordedError(Exception):
    """What was asked for cannot be written."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Who makes the events of a run.

    Attributes:
        hold: more waits to be written than should; make no more until `resume`.
        lost: an event could not be written; end the run.
    """

    pause: Callable[[], None]
    resume: Callable[[], None]
    lost: Callable[[str], None]


@dataclass(slots=True)
class _Feed:
    """A run that goes on: what is on its way to the disk, and who waits for it."""

    producer: Producer | None = None
    backlog: int = 0
    is_held: bool = False
    is_ending: bool = False
    has_ended: bool = False
    tail: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_TAIL))
    new_events: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, sequence: int, data: bytes) -> None:
        self.tail.append((sequence, data))
        self.wake()

    def wake(self) -> None:
        new_events, self.new_events = self.new_events, asyncio.Event()
        new_events.set()


class RunStore:
    """Runs by id (the last part of their resource name), of one state folder.

    What is handed over is written by one thread, in its order, and seen by readers after that.

    Attributes:
        queued: the runs that an earlier daemon left in the queue, in order.
    """

    def __init__(self, folder: Path, settings: Settings, journal: Journal) -> None:
        """Opens the record; blocks, and belongs on the loop's thread before anything is served.

        Raises:
            StoreError: it cannot be used, or another daemon uses it.
            OSError: the folder cannot be written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / database.FILE
        self._limit = settings.run_backlog
        self._feeds: dict[str, _Feed] = {}
        self._is_closing = False
        self._lock = _claim(folder)
        reserve = Reserve(folder / "runs.reserve")
        try:
            ledger = Ledger(database.open_for_writing(path, settings.run_synchronous))
            self.queued = _recover(ledger, reserve, path)
            self._reader = Reader(path)
        except BaseException:
            os.close(self._lock)
            raise
        for run in self.queued:
            self._feeds[run_id(run)] = _Feed()
        self._writer = Writer(
            ledger,
            reserve,
            asyncio.get_running_loop(),
            journal,
            lambda ledger: ledger.prune(settings.run_retention, settings.run_count),
        )

    async def close(self) -> None:
        """Writes what was handed over and ends."""
        self.end_watches()
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._reader.close)
        os.close(self._lock)

    def end_watches(self) -> None:
        """Ends those who follow runs that have not ended."""
        self._is_closing = True
        for feed in self._feeds.values():
            feed.wake()

    async def create(
        self,
        run: Run,
        queued: RunEvent,
        taken_in: Callable[[Run], None],
        asked: Run | None = None,
    ) -> Run:
        """Takes in a run with its first event.

        Where a run was launched with the same request id before, that one is given.

        Args:
            taken_in: called once a new run is on disk, also where the caller has gone by then.
            asked: what was asked for, where the run was given more than that.

        Raises:
            RequestIdError: that one was launched with another content.
            NotRecordedError: it cannot be written.
        """

        def recorded(answer: tuple[Run, bytes | None]) -> None:
            made, first = answer
            if first is not None:
                feed = self._feeds[run_id(made)] = _Feed()
                feed.publish(1, first)
                taken_in(made)

        write = partial(Ledger.create, run=run, queued=queued, asked=asked)
        made, _ = await self._ask(run_id(run), write, recorded)
        return made

    def register_producer(self, run_id: str, producer: Producer) -> None:
        """Tells somebody how it goes with the events of a run that has not ended."""
        self._feeds[run_id].producer = producer

    def append(self, run_id: str, event: RunEvent) -> None:
        """Hands an event over; it belongs to the store from then on.

        What comes after the run's end is left out.
        """
        feed = self._feeds.get(run_id)
        if feed is None or feed.is_ending:
            return
        kind = EntryKind.END if is_end(event) else EntryKind.EVENT
        feed.is_ending = kind is EntryKind.END
        weight = max(_LEAST, event.ByteSize())
        feed.backlog += weight
        if feed.backlog > self._limit and not feed.is_held:
            feed.is_held = True
            if feed.producer is not None:
                feed.producer.pause()

        def publish(written: tuple[int, bytes] | None) -> None:
            if kind is EntryKind.END:
                feed.has_ended = True
                self._feeds.pop(run_id, None)
            if written is not None:
                feed.publish(*written)
            else:
                feed.wake()
            self._relieve(feed, weight)

        def refuse(error: Exception) -> None:
            self._relieve(feed, weight)
            if feed.producer is not None:
                feed.producer.lost(str(error))

        entry = Entry(kind, run_id, lambda to: to.append(run_id, event), publish, refuse)
        self._writer.put(entry)

    async def mark_canceling(self, run_id: str) -> None:
        """A cancel was asked for; no change where the run has ended.

        Raises:
            NotRecordedError: it cannot be written.
        """
        await self._ask(run_id, lambda ledger: ledger.mark_canceling(run_id))

    async def delete(self, run_id: str) -> None:
        """Deletes a run that has ended.

        Raises:
            UnknownRunError: no such run.
            RunActiveError: it has not ended.
            NotRecordedError: it cannot be written.
        """
        await self._ask(run_id, lambda ledger: ledger.delete(run_id))

    async def flush(self) -> None:
        """Returns when all that was handed over is on disk, or was given up."""
        await self._ask("", lambda _: None)

    async def get(self, run_id: str) -> Run | None:
        """The run as it is on disk."""
        return await self._reader.run(run_id)

    async def of_request(self, request_id: str) -> tuple[Run, Run] | None:
        """The run that was launched with a request id, and what was asked for."""
        return await self._reader.run_of_request(request_id)

    async def page(self, of: Filter, size: int, before: int | None) -> list[tuple[int, Run]]:
        """Runs that fit a filter, newest first, each with its place in the order.

        Args:
            before: only those that come after this place.
        """
        return await self._reader.page(of, size, before)

    async def follow(self, run_id: str, after: int) -> AsyncIterator[bytes]:
        """The serialized events after a sequence number, past ones first; ends with the run.

        Raises:
            ClosedError: the daemon ends before the run.
        """
        feed = self._feeds.get(run_id)
        while True:
            # before the read: what comes after it wakes us
            new_events = feed.new_events if feed else None
            has_ended = feed is None or feed.has_ended
            found = _from_tail(feed, after) or await self._reader.events(run_id, after)
            for sequence, data in found:
                after = sequence
                yield data
            if found:
                continue
            if has_ended or new_events is None:
                return
            if self._is_closing:
                raise ClosedError
            await new_events.wait()

    def _relieve(self, feed: _Feed, weight: int) -> None:
        feed.backlog -= weight
        if feed.is_held and feed.backlog <= self._limit // 2:
            feed.is_held = False
            if feed.producer is not None:
                feed.producer.resume()

    async def _ask(
        self,
        run_id: str,
        write: Callable[[Ledger], T],
        written: Callable[[T], None] = lambda _: None,
    ) -> T:
        """Has something written and waits until it is on disk.

        Args:
            written: called then, also where the caller has gone.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def publish(value: T) -> None:
            written(value)
            if not answer.done():  # else the caller has gone
                answer.set_result(value)

        def refuse(error: Exception) -> None:
            if not answer.done():
                answer.set_exception(error)

        self._writer.put(Entry(EntryKind.REQUEST, run_id, write, publish, refuse))
        try:
            return await answer
        except (sqlite3.Error, FullError) as error:
            raise NotRecordedError(f"cannot write the record of runs: {error}") from error


def _from_tail(feed: _Feed | None, after: int) -> list[tuple[int, bytes]]:
    if feed is None or not feed.tail or feed.tail[0][0] > after + 1:
        return []
    return [each for each in feed.tail if each[0] > after]


def _claim(folder: Path) -> int:
    """The lock of a state folder: two daemons in it would each end the other's runs."""
    descriptor = os.open(folder / "runs.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(
            f"cannot use the state folder {folder}: another daemon uses it; "
            "name another one with --state"
        ) from None
    return descriptor


def _recover(ledger: Ledger, reserve: Reserve, path: Path) -> list[Run]:
    for attempt in range(2):
        try:
            ledger.begin()
            queued = ledger.recover()
            ledger.commit()
        except sqlite3.Error as error:
            ledger.roll_back()
            reserve.give_back()
            if attempt:
                ledger.close()
                raise StoreError(f"cannot write the record of runs {path}: {error}") from error
        else:
            return queued
    raise AssertionError("returned or raised")
