"""What becomes of a tick, whatever its functions and its location do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from unit.daemon.runs.run_record import sync
from unit.daemon.schedules.schedule_desk import (
    Policy,
    clock_at_noon,
    desk,
    key,
    launched,
    policy,
    schedule,
)

from hostler.daemon.runs.store.record import make_event
from hostler.daemon.schedules.evaluation import Answer, EvaluationError, ProcessLostError
from hostler.daemon.state.location import Status

if TYPE_CHECKING:
    from pathlib import Path

STOPPED = Policy()


@sync
async def test_skipped_with_a_reason(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.evaluator.answers = [Answer("p", "", skip_reason="nothing new")]
        await at.begin(etl=[schedule()])
        await at.until("12:01")
        (tick,) = await at.records()
        assert (tick.state, tick.reason, tick.attempts) == (tick.SKIPPED, "nothing new", 1)
        assert at.launched == []


@sync
async def test_a_function_that_raises_is_called_again_after_growing_delays(tmp_path: Path) -> None:
    error = EvaluationError("KeyError: 'a'", {"type": "KeyError", "traceback": "Trace"})
    async with desk(tmp_path) as at:
        at.evaluator.answers = [error, error, Answer("p", "t")]
        await at.begin(etl=[schedule(policy=policy(max_retries=2))])
        await at.until("12:01")
        assert await at.ticks() == [("12:01", "PENDING")]
        await at.advance(1)
        assert len(at.evaluator.asked) == 2
        await at.advance(2)
        assert await at.ticks() == launched("12:01")
        assert (await at.records())[0].attempts == 3
        at.evaluator.answers = [error] * 3
        await at.until("12:02")
        await at.advance(4)
        tick = (await at.records())[1]
        assert (tick.state, tick.reason) == (tick.FAILED, "KeyError: 'a'")
        assert (tick.exception.traceback, tick.attempts) == ("Trace", 3)


@sync
async def test_a_process_that_is_killed_is_no_fault_of_the_function(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.evaluator.answers = [ProcessLostError("worker 7 died")] * 4
        await at.begin(etl=[schedule(cron="1 12 * * *")])
        await at.until("12:02")
        assert await at.ticks() == launched("12:01")
    async with desk(tmp_path / "other") as at:
        at.evaluator.answers = [ProcessLostError("worker 7 died")] * 5
        await at.begin(etl=[schedule(cron="1 12 * * *")])
        await at.until("12:02")
        assert await at.ticks() == [("12:01", "FAILED")]


@sync
async def test_a_run_config_that_does_not_fit_launches_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.evaluator.answers = [Answer("p", "t", problem="cannot execute: solids.x: unknown")]
        await at.begin(etl=[schedule(policy=policy(max_retries=3))])
        await at.until("12:01")
        (tick,) = await at.records()
        assert (tick.state, tick.reason) == (tick.FAILED, "cannot execute: solids.x: unknown")
        assert at.launched == []


@sync
async def test_a_tick_waits_for_its_location(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(cron="1 12 * * *", policy=policy(patience={"seconds": 90}))])
        await at.lose("etl")
        await at.until("12:02")
        assert await at.ticks() == [("12:01", "PENDING")]
        await at.load("etl", schedule(cron="1 12 * * *"))
        assert await at.ticks() == launched("12:01")


@sync
async def test_a_tick_is_missed_once_its_patience_has_passed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(cron="1 12 * * *", policy=policy(patience={"seconds": 90}))])
        await at.lose("etl", Status.BACKOFF)
        await at.until("12:02")
        await at.advance(30)
        (tick,) = await at.records()
        assert tick.state == tick.MISSED
        assert tick.reason == "location 'etl' has not loaded: BACKOFF; tick_patience has passed"


@sync
async def test_a_location_that_does_not_load_again_has_its_ticks_all_the_same(
    tmp_path: Path,
) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(cron="*/5 * * * *")])
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=None)
        await at.lose("etl", Status.FAILED)
        await at.until("12:05")
        assert await at.ticks() == [("12:05", "PENDING")]
        await at.load("etl", schedule(cron="*/5 * * * *"))
        assert await at.ticks() == launched("12:05")


@sync
async def test_a_slow_function_holds_up_no_other_schedule(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule("slow"), schedule("quick")])
        gate = at.evaluator.gates["slow"] = asyncio.get_running_loop().create_future()
        await at.until("12:03")
        assert await at.ticks("quick") == launched("12:01", "12:02", "12:03")
        assert [state for _, state in await at.ticks("slow")] == ["PENDING"] * 3
        assert at.evaluator.asked.count(("slow", at.evaluator.asked[0][1])) == 1
        gate.set_result(None)
        await at.rest()
        await at.rest()
        await at.rest()
        assert await at.ticks("slow") == launched("12:01", "12:02", "12:03")


@sync
async def test_overlap(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        skips = schedule("skips", policy=policy(overlap=Policy.SKIP))
        await at.begin(etl=[skips, schedule("queues")])
        await at.until("12:02")
        assert await at.ticks("queues") == launched("12:01", "12:02")
        assert await at.ticks("skips") == [("12:01", "LAUNCHED"), ("12:02", "SKIPPED")]
        first, second = await at.records("skips")
        assert second.reason == f'{first.run} still goes on; overlap is "skip"'
        at.store.append(first.run.removeprefix("runs/"), make_event("run_succeeded"))
        await at.until("12:03")
        assert (await at.ticks("skips"))[-1] == ("12:03", "LAUNCHED")


@sync
async def test_a_stop_ends_what_waits(tmp_path: Path) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
        await at.lose("etl")
        await at.until("12:02")
        await at.choose("s", is_running=False)
        assert await at.ticks() == [("12:01", "SKIPPED"), ("12:02", "SKIPPED")]
        assert (await at.records())[0].reason == "the schedule was stopped"
        assert at.schedules.activity(key("s"), STOPPED, 1).last_tick.state == 3
        await at.load("etl", schedule())
        await at.until("12:03")
        assert at.launched == []
