"""What runs say is bounded in bytes: in memory, in each read, and in the record of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.daemon.runs.run_record import (
    SETTINGS,
    assert_whole,
    created,
    events,
    line,
    opened,
    started,
    sync,
)

from hostler.daemon.base.settings import Settings
from hostler.daemon.runs.store import live_run, reader
from hostler.daemon.runs.store.events import StoredEvent
from hostler.daemon.runs.store.live_run import LiveRun, TailBudget
from hostler.daemon.runs.store.record import Run, make_event
from hostler.v1 import run_pb2


def quota(size: int) -> Settings:
    return Settings(run_synchronous=0, run_bytes=size)


def message(text: str) -> run_pb2.RunEvent:
    return make_event(
        "log_message", run_pb2.LogMessage(level=run_pb2.LogMessage.INFO, message=text)
    )


@pytest.mark.parametrize("size", [1, 1000, 200_000, 499_999, 500_001, 3_000_000])
def test_a_run_keeps_few_bytes_in_memory(size: int) -> None:
    run = LiveRun(1_000_000, Run())
    for sequence in range(1, 400):
        run.publish(StoredEvent(sequence, 1, b"x" * size))
    kept = run.events_after(398)
    assert [each.last for each in kept] == [399], "the newest one is always there"
    assert run.tails.used <= max(500_000, size)
    run.end()
    assert run.tails.used == 0


def test_all_runs_keep_few_bytes_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run, "_ALL_TAILS_BYTES", 2_000_000)
    tails = TailBudget()
    runs = [LiveRun(1_000_000, Run(), tails) for _ in range(20)]
    for sequence in range(1, 100):
        for run in runs:
            run.publish(StoredEvent(sequence, 1, b"x" * 50_000))
    assert tails.used <= 2_000_000 + 20 * 50_000
    for run in runs:
        run.end()
    assert tails.used == 0


@sync
async def test_a_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BYTES_PER_READ", 10_000)
    async with opened(tmp_path) as store:
        await created(store, "a")
        for number in range(300):
            store.append("a", line(f"{number} " + "x" * 999))
        store.append("a", make_event("run_succeeded"))
        await store.flush()
        found = await store._reader.events("a", 0)
        assert sum(len(each.data) for each in found) < 11_100
        assert len(await events(store, "a")) == 302, "who follows gets all of them"
        assert len(await events(store, "a", 200)) == 102


@sync
@pytest.mark.parametrize("size", [1024, 10_000, 100_000])
async def test_a_quota_ends_the_recording_of_output_and_not_the_run(
    tmp_path: Path, size: int
) -> None:
    async with opened(tmp_path, quota(size)) as store:
        await created(store, "a")
        store.append("a", started())
        for number in range(2000):
            store.append("a", (line if number % 2 else message)("x" * 100))
        store.append("a", make_event("step_succeeded", run_pb2.StepSucceeded()))
        store.append("a", make_event("run_succeeded"))
        await store.flush()
        found = await events(store, "a")
    assert_whole(tmp_path)
    kinds = [each.WhichOneof("event") for each in found]
    assert kinds[:2] == ["run_queued", "run_started"]
    assert kinds[-3:] == ["step_succeeded", "log_message", "run_succeeded"]
    output = found[2:-4]
    assert sum(each.ByteSize() for each in output) <= size + 20 * len(output)
    assert len(output) > size // 200
    told, at_end = found[-4].log_message.message, found[-2].log_message.message
    assert "HOSTLER_RUN_BYTES allows no more: the run goes on" in told
    assert f"{2000 - len(output)} lines of output" in at_end


@sync
async def test_a_run_within_its_quota_is_told_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, quota(10_000)) as store:
        for name in ("a", "b"):
            await created(store, name)
            for _ in range(50):
                store.append(name, line("x" * 100))
            store.append(name, make_event("run_succeeded"))
        await store.flush()
        for name in ("a", "b"):
            assert len(await events(store, name)) == 52, "each has a quota of its own"


def test_the_default_is_large() -> None:
    assert SETTINGS.run_bytes == 2**30
