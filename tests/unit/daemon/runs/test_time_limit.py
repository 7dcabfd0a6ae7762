"""A limit of time that a debugger holds."""

import asyncio

from unit.daemon.runs.run_record import sync

from hostler.daemon.runs.time_limit import TimeLimit


@sync
async def test_a_limit_passes_once() -> None:
    overdue = asyncio.Event()
    limit = TimeLimit(0.01, overdue.set)
    await overdue.wait()
    limit.end()


@sync
async def test_a_limit_that_is_held_does_not_pass() -> None:
    passed = asyncio.Event()
    limit = TimeLimit(0.01, passed.set)
    other = asyncio.Event()
    limit.hold()
    limit.hold()
    limit.release()
    TimeLimit(0.05, other.set)
    await other.wait()
    assert not passed.is_set(), "one debugger of two holds it"
    limit.release()
    await passed.wait()


@sync
async def test_no_limit_stays_none() -> None:
    passed: list[str] = []
    limit = TimeLimit(0.0, lambda: passed.append("none"))
    limit.hold()
    limit.release()
    other = asyncio.Event()
    TimeLimit(0.02, other.set)
    await other.wait()
    limit.end()
    assert not passed
