"""The record of runs, on real SQLite files."""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.daemon.runs.run_record import (
    SETTINGS,
    a_run,
    assert_whole,
    created,
    ended,
    events,
    line,
    on_disk,
    opened,
    started,
    sync,
)

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.runs.store import database, tables
from hostler.daemon.runs.store.database import StoreError
from hostler.daemon.runs.store.live_run import EventProducer
from hostler.daemon.runs.store.record import Run, RunEvent, RunFilter, State, make_event
from hostler.daemon.runs.store.run_store import RunStore, StoreClosedError
from hostler.daemon.runs.store.tables import RequestIdConflictError, RunActiveError, UnknownRunError


@sync
async def test_what_a_run_leaves(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        run = await created(store, "a", tags={"team": "data"})
        assert run.state == State.QUEUED
        store.append("a", started())
        for number in range(1500):
            store.append("a", line(str(number)))
        store.append("a", make_event("run_succeeded"))
        store.append("a", line("after its end"))
        await store.flush()
        recorded = await store.get("a")
        assert recorded is not None
        assert recorded.state == State.SUCCEEDED
        assert (recorded.pid, recorded.generation) == (7, 3)
        assert recorded.last_sequence == 1503
        found = await events(store, "a")
        assert [each.sequence for each in found] == list(range(1, 1504))
        assert [each.sequence for each in await events(store, "a", 1500)] == [1501, 1502, 1503]
        assert await events(store, "a", 9999) == []
        assert await store.get("b") is None
    assert_whole(tmp_path)


@sync
async def test_an_event_is_on_disk_before_it_is_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await created(store, "a")
        reader = sqlite3.connect(tmp_path / database.FILE)

        async def watch() -> int:
            seen = 0
            async for data in store.follow("a", 0):
                sequence = RunEvent.FromString(data).sequence
                (last,) = reader.execute("SELECT max(sequence) FROM events").fetchone()
                assert sequence == seen + 1
                assert last >= sequence
                seen = sequence
            return seen

        watchers = [asyncio.create_task(watch()) for _ in range(3)]
        for number in range(700):
            store.append("a", line(str(number)))
            if number % 50 == 0:
                await asyncio.sleep(0)
        store.append("a", make_event("run_succeeded"))
        assert await asyncio.gather(*watchers) == [702, 702, 702]
        reader.close()


@sync
async def test_a_request_id_makes_a_retry_safe(tmp_path: Path) -> None:
    on_recorded: list[str] = []

    async def launch(store: RunStore, name: str, **fields: Any) -> Run:
        run = a_run(name, request_id="r", **fields)
        return await store.create(
            run, make_event("run_queued"), lambda made: on_recorded.append(made.name)
        )

    async with opened(tmp_path) as store:
        both = await asyncio.gather(launch(store, "a"), launch(store, "b"))
        assert [run.name for run in both] == ["runs/a", "runs/a"]
        with pytest.raises(RequestIdConflictError, match="runs/a"):
            await launch(store, "c", tags={"other": "content"})
        with pytest.raises(RequestIdConflictError, match="runs/a"):
            await launch(store, "c", solids=["one"])
        with pytest.raises(RequestIdConflictError, match="runs/a"):
            await launch(store, "c", max_concurrency=2)
        assert await store.get("b") is None
    async with opened(tmp_path) as store:
        assert (await launch(store, "d")).name == "runs/a"
    assert on_recorded == ["runs/a"]


@sync
async def test_a_caller_that_goes_away_leaves_a_run_that_is_taken_in(tmp_path: Path) -> None:
    on_recorded: list[str] = []
    async with opened(tmp_path) as store:
        call = asyncio.create_task(
            store.create(
                a_run("a"), make_event("run_queued"), lambda run: on_recorded.append(run.name)
            )
        )
        await asyncio.sleep(0)
        call.cancel()
        await store.flush()
        assert on_recorded == ["runs/a"]


@sync
async def test_what_an_earlier_daemon_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for name in ("queued", "running", "canceling", "also queued"):
            await created(store, name)
        store.append("running", started())
        store.append("canceling", started())
        await store.mark_canceling("canceling")
        await ended(store, "ended")
    async with opened(tmp_path) as store:
        assert [run.name for run in store.queued] == ["runs/queued", "runs/also queued"]
        for name in ("running", "canceling"):
            run = await store.get(name)
            assert run is not None
            assert run.state == State.INTERRUPTED
            last = (await events(store, name))[-1]
            assert last.run_interrupted.reason == "the daemon ended while the run was under way"
            assert last.sequence == 3
        run = await store.get("ended")
        assert run is not None
        assert run.state == State.SUCCEEDED
        store.append("queued", started())
        await store.flush()
        assert [each.sequence for each in await until(store, "queued", 2)] == [1, 2]
    assert_whole(tmp_path)


async def until(store: RunStore, name: str, sequence: int) -> list[RunEvent]:
    found = []
    follow = store.follow(name, 0)
    async for data in follow:
        found.append(RunEvent.FromString(data))
        if found[-1].sequence == sequence:
            break
    return found


@sync
async def test_two_daemons_in_one_folder(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StoreError, match=rf"another daemon, with pid {os.getpid()}, uses it"):
            RunStore(tmp_path, SETTINGS, Journal(stream=io.StringIO()))


@sync
async def test_who_watches_is_told_that_the_daemon_ends(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await created(store, "a")
        watcher = asyncio.create_task(events(store, "a"))
        await asyncio.sleep(0)
        store.end_followers()
        with pytest.raises(StoreClosedError):
            await watcher


@sync
async def test_too_much_at_once_holds_the_run_and_drops_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    async with opened(tmp_path, Settings(run_synchronous=0, run_backlog=10_000)) as store:
        await created(store, "a")
        store.register_producer(
            "a",
            EventProducer(lambda: said.append("hold"), lambda: said.append("go on"), said.append),
        )
        for number in range(100):
            store.append("a", line(str(number)))
        assert said == ["hold"]
        await store.flush()
        assert said == ["hold", "go on"]
        run = await store.get("a")
        assert run is not None
        assert run.last_sequence == 101


@sync
async def test_delete(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await created(store, "a", tags={"k": "v"})
        with pytest.raises(RunActiveError):
            await store.delete("a")
        for number in range(tables.ROWS_PER_STEP * 2):
            store.append("a", line(str(number)))
        store.append("a", make_event("run_succeeded"))
        await store.delete("a")
        assert await store.get("a") is None
        assert await store.page(RunFilter(tags=(("k", "v"),)), 9, None) == []
        with pytest.raises(UnknownRunError):
            await store.delete("a")
        left = on_disk(tmp_path, "SELECT count(*) FROM events")
        while left != [(0,)]:
            await store.flush()
            left = on_disk(tmp_path, "SELECT count(*) FROM events")
        await created(store, "b")
        assert [each.sequence for each in await until(store, "b", 1)] == [1]
    assert on_disk(tmp_path, "SELECT count(*) FROM removals") == [(0,)]


@sync
async def test_retention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as store:
        await created(store, "waits")
        for number in range(6):
            await ended(store, str(number))

    async def left(settings: Settings) -> list[str]:
        async with opened(tmp_path, settings) as store:
            await store.flush()  # the writer looks once after its first entry
            await store.flush()
            found = await store.page(RunFilter(), 99, None)
        return [run.name.removeprefix("runs/") for _, run in found]

    assert await left(Settings(run_count=4)) == ["5", "4", "3", "waits"]
    assert await left(Settings(run_count=0, run_retention=0)) == ["5", "4", "3", "waits"]
    monkeypatch.setattr("time.time_ns", lambda: 2**62)
    assert await left(Settings(run_retention=9)) == ["waits"]
    assert_whole(tmp_path)


@sync
async def test_lists(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number in range(30):
            name = f"{number:02d}"
            location = "etl" if number % 2 else "with/slash"
            pipeline = "p" if number % 3 else "q"
            tags = {"k": str(number % 5), "l": "x"}
            await created(store, name, location=location, pipeline=pipeline, tags=tags)
            if number % 4 == 0:
                store.append(name, make_event("run_failed"))
        await store.flush()

        async def names(before: int | None = None, size: int = 99, **fields: Any) -> list[str]:
            found = await store.page(RunFilter(**fields), size, before)
            return [run.name.removeprefix("runs/") for _, run in found]

        def fitting(condition: Callable[[int], bool]) -> list[str]:
            return [f"{number:02d}" for number in range(29, -1, -1) if condition(number)]

        failed, queued = frozenset({State.FAILED}), frozenset({State.QUEUED})
        assert await names() == fitting(lambda _: True)
        assert await names(location="etl") == fitting(lambda n: n % 2 == 1)
        assert await names(location="with/slash", pipeline="q", repository="repo") == fitting(
            lambda n: n % 6 == 0
        )
        assert await names(repository="other") == []
        assert await names(states=failed) == fitting(lambda n: n % 4 == 0)
        assert await names(states=failed | queued) == fitting(lambda _: True)
        assert await names(tags=(("k", "3"),)) == fitting(lambda n: n % 5 == 3)
        assert await names(tags=(("k", "0"), ("l", "x")), states=failed) == fitting(
            lambda n: n % 20 == 0
        )
        assert await names(tags=(("k", "0"), ("l", "y"))) == []
        page = await store.page(RunFilter(tags=(("l", "x"),)), 10, None)
        key, tenth = page[-1]
        assert tenth.name == "runs/20"
        await created(store, "30", tags={"l": "x"})
        assert (await names(before=key, size=2, tags=(("l", "x"),))) == ["19", "18"]
        moment = tenth.create_time.ToNanoseconds()
        assert await names(created_from=moment) == ["30", *fitting(lambda n: n >= 20)]
        assert await names(created_before=moment) == fitting(lambda n: n < 20)
