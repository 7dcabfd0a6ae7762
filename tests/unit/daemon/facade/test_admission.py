"""Who is let in beside a location that hangs, and who is told of the daemon's end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade.admission import Admission, Wait
from hostler.daemon.facade.refusals import RefusalError


class Context:
    """Stands for the caller, who waits for so many seconds."""

    def __init__(self, seconds: float | None = 30.0) -> None:
        self.seconds = seconds

    def time_remaining(self) -> float | None:
        return self.seconds


class Callers:
    """Makes calls that wait for a location that never answers."""

    def __init__(self, **settings: int) -> None:
        self.admission = Admission(Settings(**settings))  # type: ignore[arg-type]  # by name
        self.hang = asyncio.Event()
        self.tasks: list[asyncio.Task[str]] = []

    async def call(self, location: str = "a", wait: Wait = Wait.ANSWER, seconds: float = 30) -> str:
        context: Any = Context(seconds)
        try:
            with self.admission.call():
                await self.admission.wait(context, location, self._hang(), wait)
        except asyncio.CancelledError:
            if self.admission.has_ended(asyncio.current_task()):
                return "ended"
            raise
        return "answered"

    async def _hang(self) -> None:
        await self.hang.wait()

    async def begin(self, count: int, *arguments: Any) -> None:
        self.tasks += [asyncio.ensure_future(self.call(*arguments)) for _ in range(count)]
        await asyncio.sleep(0)

    async def end(self) -> set[str]:
        self.hang.set()
        return set(await asyncio.gather(*self.tasks))


async def refusal(callers: Callers, *arguments: Any) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        await callers.call(*arguments)
    return caught.value


def test_one_location_takes_the_place_of_no_other() -> None:
    async def test() -> None:
        callers = Callers(location_call_limit=3)
        await callers.begin(3)
        refused = await refusal(callers)
        assert refused.code.name == "RESOURCE_EXHAUSTED"
        assert refused.details.metadata == {"limit": "3", "location": "a"}
        assert "'a'" in refused.message
        await callers.begin(3, "b")
        assert await callers.end() == {"answered"}
        await callers.call()  # there is room again

    asyncio.run(test())


def test_who_waits_for_user_code_keeps_nobody_from_reading() -> None:
    async def test() -> None:
        callers = Callers(in_flight_limit=4)
        for location in "abcd":
            await callers.begin(1, location)
        assert (await refusal(callers, "e")).details.retry_delay == 0.1
        for _ in range(2):
            with callers.admission.call():
                pass
        await callers.begin(1, "a", Wait.END)  # a stop
        await callers.begin(1, "a", Wait.LOAD)
        assert await callers.end() == {"answered"}

    asyncio.run(test())


def test_the_calls_that_need_no_user_code_are_bounded_too() -> None:
    async def test() -> None:
        admission = Admission(Settings(in_flight_limit=1))

        async def second() -> None:
            with admission.call():
                raise AssertionError("not reached")

        with admission.call(), pytest.raises(RefusalError):
            await asyncio.ensure_future(second())
        with admission.call():
            pass

    asyncio.run(test())


def test_the_time_to_try_again_is_that_of_the_first_deadline_where_nothing_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        monkeypatch.setattr("hostler.daemon.facade.admission.PACE", 0.0)
        callers = Callers(location_call_limit=2)
        await callers.begin(1, "a", Wait.ANSWER, 60)
        await callers.begin(1, "a", Wait.ANSWER, 20)
        delay = (await refusal(callers)).details.retry_delay
        assert delay is not None
        assert 19 < delay <= 20
        await callers.end()

    asyncio.run(test())


def test_a_deadline_makes_room() -> None:
    async def test() -> None:
        callers = Callers(location_call_limit=1)
        slow = await refusal(callers, "a", Wait.ANSWER, 0.03)
        assert slow.code.name == "DEADLINE_EXCEEDED"
        callers.hang.set()
        assert await callers.call() == "answered"

    asyncio.run(test())


def test_streams_are_bounded() -> None:
    async def test() -> None:
        admission = Admission(Settings(stream_limit=2))

        async def stream(until: asyncio.Event) -> None:
            with admission.stream():
                await until.wait()

        until = asyncio.Event()
        open_ = [asyncio.ensure_future(stream(until)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RefusalError) as caught:
            await stream(until)
        assert caught.value.details.retry_delay == 5.0
        until.set()
        await asyncio.gather(*open_)
        await stream(until)

    asyncio.run(test())


def test_the_end_of_the_daemon_ends_who_waits_for_user_code() -> None:
    async def test() -> None:
        callers = Callers()
        await callers.begin(2)
        await callers.begin(2, "b", Wait.LOAD)
        stopping = asyncio.ensure_future(callers.call("a", Wait.END))
        await asyncio.sleep(0)
        callers.admission.close()
        assert set(await asyncio.gather(*callers.tasks)) == {"ended"}
        assert not stopping.done()
        await callers.admission.end_all(0.01)
        assert await stopping == "ended"

    asyncio.run(test())


def test_a_caller_that_has_gone_is_not_told_of_the_end() -> None:
    async def test() -> None:
        callers = Callers()
        await callers.begin(1)
        callers.tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await callers.tasks[0]

    asyncio.run(test())
