"""A record of runs for a test, on a real SQLite file."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.runs.store import database
from hostler.daemon.runs.store.record import Run, RunEvent, make_event
from hostler.daemon.runs.store.run_store import RunStore
from hostler.v1 import run_pb2

T = TypeVar("T")

SETTINGS = Settings(run_synchronous=0)  # the disk's own speed is not what is tested


def sync(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Lets pytest run a coroutine function, with its fixtures."""
    import functools
    import inspect

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), 60))

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]  # pytest reads it
    return run


@asynccontextmanager
async def opened(folder: Path, settings: Settings = SETTINGS) -> AsyncIterator[RunStore]:
    store = RunStore(folder, settings, Journal(stream=io.StringIO()))
    try:
        yield store
    finally:
        await store.close()


def a_run(name: str, pipeline: str = "p", location: str = "etl", **fields: Any) -> Run:
    pipeline_parts = f"locations/{location}/repositories/repo/pipelines/{pipeline}"
    return Run(name=f"runs/{name}", pipeline=pipeline_parts, **fields)


async def created(store: RunStore, name: str, **fields: Any) -> Run:
    return await store.create(a_run(name, **fields), make_event("run_queued"), lambda _: None)


def line(text: str) -> RunEvent:
    return make_event("printed_line", run_pb2.PrintedLine(text=text))


def started() -> RunEvent:
    return make_event("run_started", run_pb2.RunStarted(pid=7, generation=3))


async def ended(store: RunStore, name: str, **fields: Any) -> None:
    await created(store, name, **fields)
    store.append(name, started())
    store.append(name, make_event("run_succeeded"))
    await store.flush()


async def events(store: RunStore, name: str, after: int = 0) -> list[RunEvent]:
    return [RunEvent.FromString(data) async for data in store.follow(name, after)]


def on_disk(folder: Path, query: str, *values: object) -> list[Any]:
    with sqlite3.connect(folder / database.FILE) as connection:
        rows = connection.execute(query, values).fetchall()
    connection.close()
    return rows


def assert_whole(folder: Path) -> None:
    assert on_disk(folder, "PRAGMA integrity_check") == [("ok",)]
    gaps = on_disk(
        folder,
        "SELECT run FROM events GROUP BY run"
        " HAVING max(sequence) != sum(count) OR min(sequence - count) != 0",
    )
    assert gaps == []
