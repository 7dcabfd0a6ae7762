"""Printed lines that come together are one row of the record, and each is an event."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.daemon.runs.run_record import (
    assert_whole,
    created,
    ended,
    events,
    on_disk,
    opened,
    started,
    sync,
)

from hostler.client.run_events import last_sequence
from hostler.client.run_events import single_events as client_events
from hostler.daemon.base.settings import Settings
from hostler.daemon.runs.store import database, tables
from hostler.daemon.runs.store.events import (
    divide,
    events_after,
    from_row,
    single_events,
    store_event,
    to_row,
)
from hostler.daemon.runs.store.record import Run, RunEvent, State, make_event, printed_lines
from hostler.daemon.runs.store.run_store import RunStore
from hostler.v1 import run_pb2


def lines(*texts: str) -> RunEvent:
    line = run_pb2.PrintedLine(stream=run_pb2.PrintedLine.STDOUT, text=texts[0], more=texts[1:])
    return make_event("printed_line", line)


def texts_of(found: list[RunEvent]) -> list[str]:
    return [text for each in found for text in printed_lines(each)]


@sync
async def test_each_line_is_an_event_and_a_row_holds_many(tmp_path: Path) -> None:
    expected = [f"line {number}" for number in range(10_000)]
    async with opened(tmp_path) as store:
        await created(store, "a")
        store.append("a", started())
        for start in range(0, len(expected), 1000):
            store.append("a", lines(*expected[start : start + 1000]))
        store.append("a", make_event("run_succeeded"))
        await store.flush()
        found = await events(store, "a")
        assert [each.sequence for each in found] == list(range(1, 10_004))
        assert texts_of(found[2:-1]) == expected
        run = await store.get("a")
        assert run is not None
        assert run.last_sequence == 10_003
        for after in (0, 1, 2, 3, 999, 1002, 1003, 5555, 10_001, 10_002, 10_003):
            single = await events(store, "a", after)
            joined = [RunEvent.FromString(data) async for data in store.follow_joined("a", after)]
            assert [each.sequence for each in single] == list(range(after + 1, 10_004))
            assert [one for each in joined for one in client_events(each)] == single
            assert len(joined) <= 13
            assert not joined or last_sequence(joined[-1]) == 10_003
    assert on_disk(tmp_path, "SELECT count(*) FROM events") == [(13,)]
    assert on_disk(tmp_path, "SELECT sum(length(message)) FROM events")[0][0] < 60_000
    assert_whole(tmp_path)


@sync
async def test_a_follower_of_a_live_run_goes_on_within_lines(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await created(store, "a")
        store.append("a", lines("one", "two", "three"))
        await store.flush()
        follow = store.follow("a", 2)
        assert printed_lines(RunEvent.FromString(await anext(follow))) == ["two"]
        assert printed_lines(RunEvent.FromString(await anext(follow))) == ["three"]
        store.append("a", lines("four"))
        assert RunEvent.FromString(await anext(follow)).sequence == 5


@sync
@pytest.mark.parametrize("size", [100, 1000, 20_000])
async def test_a_quota_divides_lines_that_came_together(tmp_path: Path, size: int) -> None:
    async with opened(tmp_path, Settings(run_synchronous=0, run_bytes=size)) as store:
        await created(store, "a")
        for _ in range(2):
            store.append("a", lines(*["x" * 20] * 500))
        store.append("a", make_event("run_succeeded"))
        await store.flush()
        found = await events(store, "a")
    assert_whole(tmp_path)
    printed = [each for each in found if each.HasField("printed_line")]
    assert size // 30 - 4 <= len(printed) <= size // 20
    told, at_end = (each.log_message.message for each in found if each.HasField("log_message"))
    assert "HOSTLER_RUN_BYTES allows no more" in told
    assert f"{1000 - len(printed)} lines of output" in at_end


@given(st.lists(st.text(), min_size=1, max_size=8), st.integers(0, 300))
def test_a_division_loses_nothing(texts: list[str], room: int) -> None:
    fitting, rest = divide(lines(*texts), room)
    assert texts_of([each for each in (fitting, rest) if each is not None]) == texts
    if fitting is not None:
        assert fitting.ByteSize() <= room


@given(st.lists(st.text(), min_size=1, max_size=8), st.integers(1, 1000))
def test_what_follows_a_number(texts: list[str], sequence: int) -> None:
    event = lines(*texts)
    event.sequence = sequence
    stored = store_event(event)
    singles = list(single_events(stored))
    for after in range(sequence - 1, stored.last):
        rest = events_after(stored, after)
        assert rest.first == after + 1
        assert rest.last == stored.last
        assert list(single_events(rest)) == singles[after + 1 - sequence :]


@given(st.binary(max_size=2000).filter(lambda data: not data.startswith(b"\0")))
def test_a_row_gives_back_what_it_got(data: bytes) -> None:
    assert from_row(to_row(data)) == data
    assert len(to_row(data)) <= len(data)


@sync
async def test_a_record_of_an_earlier_version_is_read_and_goes_on(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / database.FILE, isolation_level=None)
    for migration in database.MIGRATIONS[:2]:
        connection.executescript(migration)
    connection.execute("PRAGMA user_version = 2")
    old = Run(name="runs/old", pipeline="locations/etl/repositories/r/pipelines/p")
    old.state = State.SUCCEEDED
    connection.execute(
        "INSERT INTO runs (id, name, location, repository, pipeline, state, create_time, message)"
        " VALUES (1, 'old', 'etl', 'r', 'p', ?, ?, ?)",
        (old.state, time.time_ns(), old.SerializeToString()),
    )
    for number, event in enumerate((make_event("run_queued"), lines("text")), 1):
        event.sequence = number
        connection.execute(
            "INSERT INTO events (run, sequence, message) VALUES (1, ?, ?)",
            (number, event.SerializeToString()),
        )
    connection.close()
    async with opened(tmp_path) as store:
        assert texts_of((await events(store, "old"))[1:]) == ["text"]
        await ended(store, "new")
        before, after = await store.compact()
        assert before
        assert after
        assert len(await events(store, "old")) == 2
        assert len(await events(store, "new")) == 3
    assert on_disk(tmp_path, "PRAGMA auto_vacuum") == [(2,)], "it gives room back from now on"


async def fill(store: RunStore, name: str, size: int) -> None:
    await created(store, name)
    for _ in range(size // 50_000):
        store.append(name, lines(os.urandom(25_000).hex()))
    store.append(name, make_event("run_succeeded"))
    await store.flush()


@sync
async def test_room_of_deleted_runs_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_KEPT_PAGES", 20)
    async with opened(tmp_path) as store:
        await fill(store, "a", 3_000_000)
        await store.delete("a")
    size = 3_000_000
    async with opened(tmp_path) as store:
        await fill(store, "b", 100_000)
        while size > 1_000_000:
            await asyncio.sleep(0.01)  # the writer gives back while nothing is written
            size = (tmp_path / database.FILE).stat().st_size
        assert len(await events(store, "b")) == 4
    assert_whole(tmp_path)


@sync
async def test_a_record_is_read_while_it_is_compacted(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await fill(store, "a", 3_000_000)
        await fill(store, "b", 500_000)
        await store.delete("a")
        compaction = asyncio.create_task(store.compact())
        reads = 0
        while not compaction.done():
            assert len(await events(store, "b")) == 12
            reads += 1
        before, after = compaction.result()
        assert reads
        assert after < before
        assert after < 1_500_000
    assert_whole(tmp_path)
