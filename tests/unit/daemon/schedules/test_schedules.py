"""What schedules do as time passes, daemons end, and code changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from unit.daemon.runs.run_record import sync
from unit.daemon.schedules.schedule_desk import (
    NOON,
    Policy,
    clock_at_noon,
    desk,
    key,
    launched,
    policy,
    schedule,
)

from hostler.daemon.runs.store.run_store import NotRecordedError

if TYPE_CHECKING:
    from pathlib import Path

    from unit.daemon.schedules.schedule_desk import Desk

STOPPED = Policy()


@sync
async def test_a_schedule_launches_a_run_at_each_tick(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule()])
        assert at.launched == []
        await at.until("12:02")
        assert await at.ticks() == launched("12:01", "12:02")
        first = at.launched[0]
        assert first.tags["hostler/schedule"] == "s"
        assert first.pipeline == "locations/etl/repositories/repo/pipelines/p"
        assert [tick.run for tick in await at.records()] == [run.name for run in at.launched]


@sync
async def test_code_decides_until_somebody_chooses(tmp_path: Path) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(policy=STOPPED)])
        await at.until("12:02")
        assert at.schedules.activity(key("s"), STOPPED, 1).is_running is False
        await at.choose("s", is_running=True, policy=STOPPED)
        await at.until("12:04")
        assert await at.ticks() == launched("12:03", "12:04")
        found = at.schedules.activity(key("s"), STOPPED, 2)
        assert (found.is_running, found.is_chosen) == (True, True)
        assert [one.seconds for one in found.next_tick_times] == [
            int(NOON.replace(minute=minute, second=0).timestamp()) for minute in (5, 6)
        ]
        assert found.last_tick.run == at.launched[-1].name
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(policy=STOPPED)])
        await at.until("12:05")
        await at.load("etl", schedule(policy=STOPPED))  # a reload
        await at.until("12:06")
        await at.choose("s", is_running=False)
        await at.load("etl", schedule())  # the code says otherwise
        await at.until("12:08")
        assert await at.ticks() == launched("12:03", "12:04", "12:05", "12:06")


@sync
async def test_what_was_stopped_is_not_made_up_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(policy=policy(catch_up=Policy.ALL))])
        await at.until("12:01")
        await at.choose("s", is_running=False)
        await at.until("12:03")
        await at.choose("s", is_running=True)
        await at.until("12:04")
        assert await at.ticks() == launched("12:01", "12:04")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [("12:03", "MISSED"), ("12:04", "LAUNCHED")]),
        ({"catch_up": Policy.NONE}, [("12:04", "MISSED")]),
        ({"catch_up": Policy.ALL}, launched("12:02", "12:03", "12:04")),
        (
            {"catch_up": Policy.ALL, "max_catch_up": 2},
            [("12:02", "MISSED"), ("12:03", "LAUNCHED"), ("12:04", "LAUNCHED")],
        ),
    ],
)
@sync
async def test_after_downtime(
    tmp_path: Path, settings: dict[str, int], expected: list[tuple[str, str]]
) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(policy=policy(**settings))])
        await at.until("12:01")
    clock.advance(200)
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(policy=policy(**settings))])
        await at.advance(1)
        assert (await at.ticks())[1:] == expected
        await at.until("12:05")
        assert (await at.ticks())[1:] == [*expected, ("12:05", "LAUNCHED")]


@sync
async def test_the_record_says_which_ticks_were_missed(tmp_path: Path) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
    clock.advance(3600)
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
        await at.advance(1)
        missed, last = await at.records()
        assert missed.first_scheduled_time.ToDatetime().strftime("%H:%M") == "12:01"
        assert missed.scheduled_time.ToDatetime().strftime("%H:%M") == "12:59"
        assert missed.reason.startswith("the daemon did not run")
        assert last.run


@sync
async def test_nothing_is_due_before_the_code_is_known_again(tmp_path: Path) -> None:
    """The cron string may have been edited while no daemon ran."""
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
    clock.advance(300)
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=None)
        await at.advance(10)
        assert at.launched == []
        await at.load("etl", schedule(cron="*/2 * * * *"))
        await at.advance(60)
        assert await at.ticks() == launched("12:06")


@pytest.mark.parametrize("edit", [("*/5 * * * *", "UTC"), ("0 0 1 1 *", "Asia/Kathmandu")])
@sync
async def test_an_edit_never_reaches_back(tmp_path: Path, edit: tuple[str, str]) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(cron="0 0 1 1 *")])
        await at.advance(1800)
        await at.load("etl", schedule("s", *edit))
        await at.advance(1)
        assert at.launched == []


@pytest.mark.parametrize("step", [-3600, -90, -30, 30])
@sync
async def test_a_step_of_the_clock_doubles_nothing_and_loses_nothing(
    tmp_path: Path, step: float
) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(cron="*/2 * * * *", policy=policy(catch_up=Policy.NONE))])
        await at.until("12:02")
        at.clock.step(step)
        await at.until("12:06")
        assert await at.ticks() == launched("12:02", "12:04", "12:06")


@sync
async def test_a_clock_that_is_put_forward_is_as_a_downtime(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(cron="*/20 * * * *"), schedule("daily", "30 12 * * *")])
        at.clock.step(3600)
        await at.advance(2)
        assert await at.ticks() == [("12:40", "MISSED"), ("13:00", "LAUNCHED")]
        assert await at.ticks("daily") == launched("12:30")
        at.clock.step(-3600)
        await at.until("13:20")
        assert await at.ticks() == [("12:40", "MISSED"), *launched("13:00", "13:20")]
        assert await at.ticks("daily") == launched("12:30")


@sync
async def test_a_start_helps_a_schedule_whose_clock_was_a_year_ahead(tmp_path: Path) -> None:
    clock = clock_at_noon()
    year = timedelta(days=365).total_seconds()
    clock.step(year)
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
        clock.step(-year)
        await at.until("12:02")
        assert at.launched == []
        await at.choose("s", is_running=False)
        await at.choose("s", is_running=True)
        await at.until("12:03")
        assert await at.ticks() == launched("12:03")


async def _all_waits(at: Desk) -> None:
    await at.begin(etl=[schedule()])
    await at.lose("etl")
    await at.until("12:02")


@sync
async def test_what_waited_when_the_daemon_died_is_launched_once(tmp_path: Path) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await _all_waits(at)
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
        assert await at.ticks() == launched("12:01", "12:02")
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule()])
        await at.advance(1)
        assert await at.ticks() == launched("12:01", "12:02")
        assert at.launched == []


@pytest.mark.parametrize("gone", ["location", "schedule"])
@sync
async def test_an_orphan_is_dropped_after_twelve_hours(tmp_path: Path, gone: str) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(cron="@hourly")])
        await at.until("13:00")
        if gone == "location":
            await at.remove("etl")
        else:
            await at.load("etl")
        await at.advance(1)
        at.clock.advance(11.9 * 3600)
        await at.rest()
        assert at.schedules.summary(key("s")) is not None
        assert await at.ticks() == launched("13:00")
        at.clock.advance(0.2 * 3600)
        await at.rest()
        assert at.schedules.summary(key("s")) is None
        assert await at.records() == []


@sync
async def test_a_schedule_that_comes_back_in_time_keeps_its_choice(tmp_path: Path) -> None:
    clock = clock_at_noon()
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[schedule(policy=STOPPED)])
        await at.choose("s", is_running=True, policy=STOPPED)
        await at.load("etl")
    clock.advance(3600)
    async with desk(tmp_path, clock) as at:
        await at.begin(etl=[])
        await at.advance(120)
        await at.load("etl", schedule(policy=STOPPED))
        assert at.launched == [], "not while it was gone"
        await at.advance(60)
        assert len(at.launched) == 1


@sync
async def test_one_timer_stands_for_all_schedules(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[])
        assert at.clock.pending == ()
        await at.load("etl", *(schedule(f"s{n}", f"{n % 60} 3 * * *") for n in range(1000)))
        assert len(at.clock.pending) == 1


@sync
async def test_a_time_zone_that_the_daemon_does_not_know_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(zone="Nowhere/Else")])
        await at.until("12:01")
        problem = at.schedules.activity(key("s"), STOPPED, 1).problem
        assert problem.startswith('no time zone "Nowhere/Else" is known')


@sync
async def test_ticks_that_cannot_be_recorded_are_taken_up_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for a while: nothing is launched that is not on record."""
    async with desk(tmp_path) as at:
        await at.begin(etl=[schedule(cron="*/2 * * * *")])

        async def full(*_: object) -> None:
            raise NotRecordedError("cannot write the record of runs: disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(at.store, "write", full)
            await at.until("12:02")
            assert at.evaluator.asked == []
        await at.advance(5)
        assert await at.ticks() == launched("12:02")
        with monkeypatch.context() as patched:
            patched.setattr(at.store, "write", full)
            with pytest.raises(NotRecordedError):
                await at.schedules.choose(key("s"), schedule(), is_running=False)
        assert at.schedules.activity(key("s"), STOPPED, 1).is_running
        await at.until("12:04")
        assert await at.ticks() == launched("12:02", "12:04")
