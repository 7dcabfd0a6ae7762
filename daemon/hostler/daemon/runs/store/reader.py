"""Reads the record of runs: each read on a connection of its own, off the loop."""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from hostler.daemon.runs.store import database
from hostler.daemon.runs.store.events import StoredEvent, from_row
from hostler.daemon.runs.store.readable import read_run
from hostler.daemon.runs.store.record import Run, RunFilter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

#: Reads at a time: they are short, and more would only wait for a processor.
MAX_READS = 4

#: Events in one read: a page of them is a fraction of a millisecond, and little memory.
EVENTS_PER_READ = 500

#: Bytes of one read, after which it ends: each of those who watch holds one.
BYTES_PER_READ = 1_000_000

_COLUMNS = "id, message, (SELECT max(sequence) FROM events WHERE run = runs.id)"


class RunReader:
    """Reads runs and events without blocking the loop."""

    def __init__(self, path: Path) -> None:
        self._connections: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for _ in range(MAX_READS):
            self._connections.put(database.connect(path, synchronous=0, writes=False))
        self._pool = ThreadPoolExecutor(MAX_READS, "run-reader")

    def close(self) -> None:
        """Waits for reads that are under way, and closes the connections."""
        self._pool.shutdown()
        while not self._connections.empty():
            self._connections.get().close()

    async def run(self, run_id: str) -> Run | None:
        """Returns a run; None where there is none."""
        query = f"SELECT {_COLUMNS} FROM runs WHERE name = ?"  # noqa: S608 (ours)
        found = await self._read(_runs, query, (run_id,))
        return found[0][1] if found else None

    async def run_by_request_id(self, request_id: str) -> tuple[Run, Run] | None:
        """Returns the run that was launched with a request id, and what was asked for."""
        query = f"SELECT {_COLUMNS}, asked FROM runs WHERE request_id = ?"  # noqa: S608 (ours)
        rows = await self._read(_rows, query, (request_id,))
        if not rows:
            return None
        (*row, asked) = rows[0]
        run = _run(row)
        return run, read_run(asked) if asked else run

    async def page(
        self, run_filter: RunFilter, size: int, before: int | None, size_bytes: int
    ) -> list[tuple[int, Run]]:
        """Returns runs that fit a filter, newest first, each with its position in the order.

        Args:
            before: the position after which the page begins; None for the first page.
            size_bytes: of the messages; one more run than fits is returned.
        """
        query, values = page_query(run_filter, size, before)
        return await self._read(_runs, query, values, size_bytes)

    async def counts(self, run_filter: RunFilter) -> dict[int, int]:
        """Returns how many runs fit a filter, by their states."""
        selection, values = _selection(run_filter, None)
        query = f"SELECT state, count(*) FROM {selection} GROUP BY state"  # noqa: S608
        return dict(await self._read(_rows, query, values))

    async def states(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Returns the states of those of the runs that there are."""
        places = ", ".join("?" * len(run_ids))
        query = f"SELECT name, state FROM runs WHERE name IN ({places})"  # noqa: S608 (bound)
        return dict(await self._read(_rows, query, tuple(run_ids)))

    async def names(
        self, run_filter: RunFilter, size: int, before: int | None
    ) -> list[tuple[int, str]]:
        """Returns the positions and ids of runs that fit a filter, newest first."""
        selection, values = _selection(run_filter, before)
        key = "t0.run" if run_filter.tags else "runs.id"
        query = f"SELECT runs.id, name FROM {selection} ORDER BY {key} DESC LIMIT ?"  # noqa: S608
        return await self._read(_rows, query, (*values, size))

    async def steps(self, run_id: str, size: int, after: int) -> list[tuple[int, bytes]]:
        """Returns serialized steps that began after an event's number, in that order."""
        query = (
            "SELECT id, message FROM steps WHERE run = (SELECT id FROM runs WHERE name = ?)"
            " AND id > ? ORDER BY id LIMIT ?"
        )
        return await self._read(_rows, query, (run_id, after, size))

    async def events(self, run_id: str, after: int) -> list[StoredEvent]:
        """Returns some events after a sequence number, in order; none at the end.

        The first one may begin before that, where printed lines came together.
        """
        query = (
            "SELECT sequence, count, message FROM events"
            " WHERE run = (SELECT id FROM runs WHERE name = ?) AND sequence > ?"
            " ORDER BY sequence LIMIT ?"
        )
        return await self._read(_events_up_to_size, query, (run_id, after, EVENTS_PER_READ))

    async def read(self, read: Callable[..., T], *arguments: Any) -> T:
        """Has a function read on a connection, which it gets before the arguments."""
        return await self._read(read, *arguments)

    async def _read(self, read: Callable[..., T], *arguments: Any) -> T:
        def work() -> T:
            connection = self._connections.get()
            try:
                return read(connection, *arguments)
            finally:
                self._connections.put(connection)

        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def page_query(
    run_filter: RunFilter, size: int, before: int | None
) -> tuple[str, tuple[int | str, ...]]:
    """Returns the query for a page: ids from an index that covers the filter, then their rows."""
    selection, values = _selection(run_filter, before)
    key = "t0.run" if run_filter.tags else "runs.id"
    query = (
        f"SELECT {_COLUMNS} FROM runs WHERE id IN ("  # noqa: S608 (ours; values are bound)
        f"SELECT {key} FROM {selection}"
        f" ORDER BY {key} DESC LIMIT ?) ORDER BY id DESC"
    )
    return query, (*values, size)


def _selection(run_filter: RunFilter, before: int | None) -> tuple[str, tuple[int | str, ...]]:
    """Returns what follows FROM for the runs that fit a filter, and its values."""
    tables, conditions, values = ["runs"], ["1"], list[int | str]()
    key = "runs.id"
    for number, (name, value) in enumerate(run_filter.tags):
        # the tags come first: they exclude more runs than a location or a state does
        tables.insert(number, f"tags AS t{number}")
        conditions.append(f"t{number}.key = ? AND t{number}.value = ?")
        conditions.append(f"t{number}.run = " + ("runs.id" if number else "t0.run"))
        values += (name, value)
        key = "t0.run"
    if run_filter.tags:
        conditions.append("runs.id = t0.run")
    if before is not None:
        conditions.append(f"{key} < ?")
        values.append(before)
    for column in ("location", "repository", "pipeline"):
        if wanted := getattr(run_filter, column):
            conditions.append(f"{column} = ?")
            values.append(wanted)
    if run_filter.states:
        # several states are not in order by id in their index; `+` keeps SQLite from using that
        column = "state" if len(run_filter.states) == 1 else "+state"
        conditions.append(f"{column} IN ({', '.join('?' * len(run_filter.states))})")
        values += sorted(run_filter.states)
    if run_filter.created_from:
        conditions.append("create_time >= ?")
        values.append(run_filter.created_from)
    if run_filter.created_before:
        conditions.append("create_time < ?")
        values.append(run_filter.created_before)
    return f"{' CROSS JOIN '.join(tables)} WHERE {' AND '.join(conditions)}", tuple(values)


def _rows(connection: sqlite3.Connection, query: str, values: tuple[Any, ...]) -> list[Any]:
    return connection.execute(query, values).fetchall()


def _runs(
    connection: sqlite3.Connection, query: str, values: tuple[Any, ...], size_bytes: int = 0
) -> list[tuple[int, Run]]:
    """Returns runs with their positions; with a size, up to the first one that exceeds it."""
    found, size = [], 0
    for row in connection.execute(query, values):
        found.append((row[0], _run(row)))
        size += len(row[1])
        if size > size_bytes > 0:
            break
    return found


def _events_up_to_size(
    connection: sqlite3.Connection, query: str, values: tuple[Any, ...]
) -> list[StoredEvent]:
    """Returns the first events, with the one that brings them to the size."""
    found, size = list[StoredEvent](), 0
    cursor = connection.execute(query, values)
    try:
        for last, count, row in cursor:
            data = from_row(row)
            found.append(StoredEvent(last, count, data))
            size += len(data)
            if size >= BYTES_PER_READ:
                break
    finally:
        cursor.close()  # else it would hold the snapshot, and the log of the record would grow
    return found


def _run(row: Sequence[Any]) -> Run:
    run = read_run(row[1])
    run.last_sequence = row[2] or 0
    return run
