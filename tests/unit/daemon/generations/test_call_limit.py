"""How many calls of a generation are under way at once."""

from __future__ import annotations

import asyncio

from unit.daemon.clocked_loop import ClockedLoop, run_clocked

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.generations.workers import MAX_CALLS, SLOW, CallLimit


async def _call(limit: CallLimit, begun: list[int], number: int, end: asyncio.Event) -> None:
    async with limit.place():
        begun.append(number)
        await end.wait()


async def _play(limit: CallLimit, counts: list[int]) -> None:
    """Begins more calls than there are places; asserts how many have begun as time passes."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ClockedLoop)
    begun: list[int] = []
    end = asyncio.Event()
    calls = [asyncio.ensure_future(_call(limit, begun, n, end)) for n in range(100)]
    for count in counts:
        await loop.advance(0 if count == counts[0] else SLOW)
        assert len(begun) == count
    end.set()
    await loop.advance()
    assert all(call.done() for call in calls)
    assert begun == list(range(100))


def test_a_call_waits_for_a_place() -> None:
    run_clocked(FakeClock(), _play(CallLimit(4), [4, 4]))


def test_slow_calls_give_their_places_to_others() -> None:
    async def scenario() -> None:
        await _play(CallLimit(4, lets_slow_pass=True), [4, 8, 12])

    run_clocked(FakeClock(), scenario())


def test_there_is_an_end_to_that() -> None:
    counts = [*range(4, MAX_CALLS + 1, 4), MAX_CALLS]

    async def scenario() -> None:
        await _play(CallLimit(4, lets_slow_pass=True), counts)

    run_clocked(FakeClock(), scenario())
