"""The files of the record of runs: a full disk, other programs, other versions."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.daemon.runs.run_record import (
    a_run,
    assert_whole,
    created,
    events,
    line,
    opened,
    started,
    sync,
)

from hostler.daemon.runs.store import database, writer
from hostler.daemon.runs.store.database import StoreError
from hostler.daemon.runs.store.live_run import EventProducer
from hostler.daemon.runs.store.record import State, make_event
from hostler.daemon.runs.store.run_store import NotRecordedError
from hostler.daemon.runs.store.tables import RequestIdConflictError


@sync
async def test_a_full_disk_fails_the_run_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_RETRY_INTERVAL", 0.01)
    async with opened(tmp_path) as store:
        await created(store, "a")
        await created(store, "idle")
        lost: list[str] = []
        store.register_producer("a", EventProducer(lambda: None, lambda: None, lost.append))
        store.append("a", started())
        await store.flush()
        full = store._writer._tables._connection
        (pages,) = full.execute("PRAGMA page_count").fetchone()
        full.execute(f"PRAGMA max_page_count = {pages}")
        while not lost:
            store.append("a", line(os.urandom(1500).hex()))  # which cannot be made small
            await asyncio.sleep(0.001)
        assert lost[0] == "database or disk is full"
        store.append("a", make_event("run_succeeded"))
        with pytest.raises(NotRecordedError, match="database or disk is full"):
            await store.create(
                a_run("b", tags={"large": "x" * 50_000}), make_event("run_queued"), lambda _: None
            )
        full.execute("PRAGMA max_page_count = 1000000")
        found = await events(store, "a")
        assert found[-1].run_failed.failure.message == (
            "cannot write the record of the run: database or disk is full"
        )
        assert [each.sequence for each in found] == list(range(1, len(found) + 1))
        store.append("idle", started())
        store.append("idle", make_event("run_succeeded"))
        assert len(await events(store, "idle")) == 3
    assert_whole(tmp_path)


@sync
async def test_another_program_that_locks_the_file_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT", 0.01)
    async with opened(tmp_path) as store:
        await created(store, "a")
        other = sqlite3.connect(tmp_path / database.FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        store.append("a", line("waits"))
        flush = asyncio.create_task(store.flush())
        assert not (await asyncio.wait([flush], timeout=0.1))[0]
        other.execute("ROLLBACK")
        other.close()
        await flush
        run = await store.get("a")
        assert run is not None
        assert run.last_sequence == 2


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / database.FILE).write_text("precious" * 1000)
    with pytest.raises(StoreError, match=r"cannot open .*runs.db: file is not a database"):
        database.open_for_writing(tmp_path / database.FILE, 0)
    assert (tmp_path / database.FILE).read_text() == "precious" * 1000


@sync
async def test_a_retry_compares_what_was_asked_for(tmp_path: Path) -> None:
    asked = a_run("a", request_id="one", tags={"a": "1"}, partition="x/partitions/y")
    run = a_run("a", request_id="one", tags={"a": "1", "b": "2"}, partition="x/partitions/y")
    async with opened(tmp_path) as store:
        await store.create(run, make_event("run_queued"), lambda _: None, asked)
    async with opened(tmp_path) as store:
        known = await store.find_by_request_id("one")
        assert known is not None
        found, was_asked = known
        assert dict(found.tags) == {"a": "1", "b": "2"}
        assert was_asked == asked
        same = await store.create(run, make_event("run_queued"), lambda _: None, asked)
        assert same.name == found.name
        with pytest.raises(RequestIdConflictError):  # no launch asked for what is recorded
            await store.create(run, make_event("run_queued"), lambda _: None)
        await created(store, "b", request_id="two")
        other = await store.find_by_request_id("two")
        assert other is not None
        assert other[0] == other[1]


@sync
async def test_a_file_of_the_first_version_is_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        connection = database.open_for_writing(tmp_path / database.FILE, 0)
    old = a_run("a", request_id="one", state=State.SUCCEEDED)
    connection.execute(
        "INSERT INTO runs (name, request_id, location, repository, pipeline, state, create_time,"
        " message) VALUES ('a', 'one', 'etl', 'repo', 'p', ?, 1, ?)",
        (old.state, old.SerializeToString()),
    )
    connection.close()
    async with opened(tmp_path) as store:
        assert await store.find_by_request_id("one") == (old, old)


def test_a_file_of_a_later_version(tmp_path: Path) -> None:
    path = tmp_path / database.FILE
    database.open_for_writing(path, 0).close()
    later = len(database.MIGRATIONS) + 1
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {later}")
    connection.close()
    with pytest.raises(StoreError, match=f"its schema is {later}"):
        database.open_for_writing(path, 0)


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / database.FILE
    database.open_for_writing(path, 0).close()
    bad = (*database.MIGRATIONS, "CREATE TABLE more (id); CREATE TABLE runs (id)")
    monkeypatch.setattr(database, "MIGRATIONS", bad)
    with pytest.raises(StoreError, match="table runs already exists"):
        database.open_for_writing(path, 0)
    good = (*bad[:-1], "CREATE TABLE more (id)")
    monkeypatch.setattr(database, "MIGRATIONS", good)
    connection = database.open_for_writing(path, 0)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(good),)
    assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)
    connection.close()


def test_modes_of_durability(tmp_path: Path) -> None:
    for synchronous in range(4):
        connection = database.open_for_writing(tmp_path / database.FILE, synchronous)
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


@given(
    st.lists(st.one_of(st.integers(0, 400), st.none()), max_size=12),
    st.lists(st.integers(0, 900), min_size=1, max_size=4),
)
@hypothesis.settings(max_examples=30, deadline=None)
def test_who_watches_from_anywhere_sees_each_event_once(
    bursts: list[int | None], places: list[int]
) -> None:
    """Args: how many events come at once, None for a pause; after which numbers it is watched."""

    async def check(folder: Path) -> None:
        async with opened(folder) as store:
            await created(store, "a")
            watchers = [asyncio.create_task(events(store, "a", after)) for after in places]
            for burst in bursts:
                if burst is None:
                    await store.flush()
                for _ in range(burst or 0):
                    store.append("a", line("x"))
            store.append("a", make_event("run_succeeded"))
            last = 2 + sum(burst or 0 for burst in bursts)
            for after, watcher in zip(places, watchers, strict=True):
                found = [each.sequence for each in await watcher]
                assert found == list(range(after + 1, last + 1))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(check(Path(folder)), 60))


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    @sync
    async def use() -> None:
        async with opened(tmp_path) as store:
            await created(store, "a")

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    use()
    assert descriptors() == before
