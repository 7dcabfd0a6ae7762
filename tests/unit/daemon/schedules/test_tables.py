"""The tables of schedules and ticks, on a real file."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.daemon.schedules.schedule_desk import key, schedule

from hostler.daemon.runs.store import database, schedule_tables
from hostler.daemon.runs.store.schedule_record import Claim, ScheduleRecord, Tick, tick_time
from hostler.daemon.runs.store.tables import RunTables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

RECORD = ScheduleRecord(key("s"), schedule(), is_running=True, choice=None, cursor=0)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = database.open_for_writing(tmp_path / "runs.db", 0)
    yield opened
    opened.close()


def tick(when: int, state: int = Tick.PENDING) -> Tick:
    made = Tick(state=state)  # type: ignore[arg-type]  # any of its states
    made.scheduled_time.seconds = when
    return made


def times(connection: sqlite3.Connection, *states: int) -> list[int]:
    found = schedule_tables.ticks_of(connection, key("s"), states, None, -1)
    return [tick_time(each) for each in found]


def test_a_tick_is_recorded_once(connection: sqlite3.Connection) -> None:
    tables = RunTables(connection).schedules
    claim = Claim(replace(RECORD, cursor=60), (tick(60),))
    assert [len(each) for each in tables.claim([claim])] == [1]
    assert [len(each) for each in tables.claim([claim])] == [0]
    assert tables.settle(key("s"), tick(60, Tick.FAILED))
    assert not tables.settle(key("s"), tick(60, Tick.LAUNCHED)), "it is settled"
    assert not tables.is_pending(key("s"), 60)
    ((record, last, pending),) = schedule_tables.load(connection)
    assert record == replace(RECORD, cursor=60)
    assert last is not None
    assert (last.state, last.name) == (Tick.FAILED, f"{key('s').resource_name}/ticks/60")
    assert pending == []


def test_a_stop_settles_what_is_pending(connection: sqlite3.Connection) -> None:
    tables = RunTables(connection).schedules
    tables.claim([Claim(RECORD, (tick(60), tick(120, Tick.LAUNCHED), tick(180)))])
    tables.save([replace(RECORD, is_running=False, choice=False)])
    assert times(connection, Tick.SKIPPED) == [180, 60]
    assert times(connection, Tick.LAUNCHED) == [120]
    ((record, _, pending),) = schedule_tables.load(connection)
    assert (record.choice, pending) == (False, [])


@pytest.mark.parametrize(("count", "kept"), [(0, 5), (2, 2), (9, 5)])
def test_so_many_are_kept_of_each_state(
    connection: sqlite3.Connection, count: int, kept: int
) -> None:
    tables = RunTables(connection).schedules
    states = [Tick.LAUNCHED, Tick.FAILED] * 5
    ticks = [tick(60 * n, state) for n, state in enumerate(states, 1)]
    tables.claim([Claim(RECORD, (*ticks, tick(30)))])
    tables.prune(0, count)
    assert len(times(connection, Tick.LAUNCHED)) == len(times(connection, Tick.FAILED)) == kept
    assert times(connection, Tick.PENDING) == [30], "what waits is kept"
    assert times(connection)[0] == 600, "the newest are kept"


def test_old_ones_are_deleted(connection: sqlite3.Connection) -> None:
    tables = RunTables(connection).schedules
    now = int(time.time())
    tables.claim([Claim(RECORD, (tick(now - 100, Tick.MISSED), tick(now, Tick.MISSED)))])
    tables.prune(50, 0)
    assert times(connection) == [now]


def test_all_schedules_are_pruned_in_their_turn(connection: sqlite3.Connection) -> None:
    tables = RunTables(connection).schedules
    count = schedule_tables.SCHEDULES_PER_STEP + 1
    records = [replace(RECORD, key=key(f"s{n}")) for n in range(count)]
    ticks = (tick(60, Tick.FAILED), tick(120, Tick.FAILED))
    tables.claim([Claim(record, ticks) for record in records])
    for left in (2 * count - schedule_tables.SCHEDULES_PER_STEP, count, count):
        tables.prune(0, 1)
        assert connection.execute("SELECT count(*) FROM ticks").fetchone() == (left,)


def test_a_dropped_schedule_leaves_no_tick(connection: sqlite3.Connection) -> None:
    tables = RunTables(connection).schedules
    tables.claim([Claim(RECORD, (tick(60),))])
    tables.delete([key("s")])
    assert schedule_tables.load(connection) == []
    assert connection.execute("SELECT count(*) FROM ticks").fetchone() == (0,)


def test_a_record_of_an_earlier_version_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    old = database.connect(path, synchronous=0, writes=True)
    for statement in database.MIGRATIONS[0].split(";"):
        old.execute(statement)
    old.execute("PRAGMA user_version = 1")
    old.close()
    new = database.open_for_writing(path, 0)
    RunTables(new).schedules.save([RECORD])
    assert len(schedule_tables.load(new)) == 1
    new.close()
