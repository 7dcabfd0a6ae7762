from __future__ import annotations

import asyncio

from hostler.daemon.base.clock import Clock, FakeClock, LoopClock


def test_calls_come_in_their_order_at_their_time() -> None:
    clock = FakeClock(monotonic=100.0, time=5.0)
    called: list[tuple[str, float]] = []

    def note(name: str) -> None:
        called.append((name, clock.monotonic() - 100.0))

    def arm_another() -> None:
        note("first")
        clock.call_later(1.0, note, "armed")

    clock.call_later(2.0, note, "second")
    clock.call_later(1.0, arm_another)
    clock.call_later(1.5, note, "canceled").cancel()
    clock.call_later(9.0, note, "later")
    assert list(clock.pending) == [1.0, 2.0, 9.0]
    clock.advance(3.0)
    assert called == [("first", 1.0), ("second", 2.0), ("armed", 2.0)]
    assert clock.monotonic() == 103.0
    assert clock.time() == 8.0
    assert list(clock.pending) == [6.0]


def test_the_loop_s_clock() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        clock: Clock = LoopClock(loop)
        called = loop.create_future()
        clock.call_later(0.0, lambda: None).cancel()
        clock.call_later(0.0, called.set_result, 7)
        async with asyncio.timeout(5):
            assert await called == 7
        assert abs(clock.monotonic() - loop.time()) < 1.0

    asyncio.run(scenario())
