"""Another program has locked the record of runs: it is named, and does not keep the daemon."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from unit.daemon.runs.run_record import SETTINGS, created, ended, line, opened, started, sync

from hostler.daemon.base.journal import Journal
from hostler.daemon.runs.store import database, writer
from hostler.daemon.runs.store.lock_holders import lock_holders
from hostler.daemon.runs.store.record import State, make_event
from hostler.daemon.runs.store.run_store import NotRecordedError, RunStore

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(folder: Path, how: str = "BEGIN IMMEDIATE") -> Iterator[subprocess.Popen[str]]:
    """Has another process lock the record."""
    command = [sys.executable, "-c", HOLD, str(folder / database.FILE), how]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
@sync
async def test_at_its_end_the_daemon_gives_up_and_says_who_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(writer, "LOCK_PATIENCE", 0.7)
    stream = io.StringIO()
    journal = Journal(stream=stream)
    store = RunStore(tmp_path, SETTINGS, journal)
    await created(store, "a")
    store.append("a", started())
    await store.flush()
    with locked(tmp_path, how) as process:
        for _ in range(20):
            store.append("a", line("x"))
        store.append("a", make_event("run_succeeded"))
        store.limit_patience()
        began = time.monotonic()
        with pytest.raises(NotRecordedError):
            await store.flush()
        await store.close()
        assert time.monotonic() - began < 3.5
        journal.close()
        said = stream.getvalue()
        assert said.count("gave up writing the record of runs") == 1
        assert f"(pid {process.pid})" in said
        assert "the end of a run is not recorded run=a" in said
    async with opened(tmp_path) as store:
        run = await store.get("a")
        assert run is not None
        assert run.state == State.INTERRUPTED


@sync
async def test_a_record_that_is_unlocked_in_time_has_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOCK_PATIENCE", 20.0)
    async with opened(tmp_path) as store:
        await created(store, "a")
        store.append("a", started())
        with locked(tmp_path):
            store.append("a", make_event("run_succeeded"))
            store.limit_patience()
            flush = asyncio.create_task(store.flush())
            assert not (await asyncio.wait([flush], timeout=1.2))[0]
        await flush
    async with opened(tmp_path) as store:
        run = await store.get("a")
        assert run is not None
        assert run.state == State.SUCCEEDED


@sync
async def test_while_the_daemon_serves_it_waits_and_says_who_it_is(tmp_path: Path) -> None:
    stream = io.StringIO()
    journal = Journal(stream=stream)
    store = RunStore(tmp_path, SETTINGS, journal)
    await created(store, "a")
    with locked(tmp_path) as process:
        flush = asyncio.create_task(store.flush())
        assert not (await asyncio.wait([flush], timeout=1.5))[0]
    await flush
    await store.close()
    journal.close()
    assert stream.getvalue().count("the record of runs is locked") == 1
    assert f"(pid {process.pid})" in stream.getvalue()


@sync
async def test_nobody_is_named_where_nobody_writes(tmp_path: Path) -> None:
    path = tmp_path / database.FILE
    assert lock_holders(path) == "", "there is no such file"
    async with opened(tmp_path) as store:
        await ended(store, "a")
        assert lock_holders(path) == "", "not the daemon itself"
        reading = sqlite3.connect(path, isolation_level=None)
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM runs").fetchall()
        assert lock_holders(path) == "", "a reader holds up nobody"
        reading.close()
        with locked(tmp_path) as process:
            assert f"(pid {process.pid})" in lock_holders(path)
