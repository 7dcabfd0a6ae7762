"""An event loop whose time is a FakeClock's: nothing in it waits for real."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine

    from hostler.daemon.base.clock import FakeClock, Timer

Args = TypeVarTuple("Args")
Result = TypeVar("Result")

#: The sum of two times may miss a third one by its last digit.
_ROUNDING = 1e-9


class _Selector(selectors.DefaultSelector):
    """Does not wait: tells its loop where there is nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.on_idle: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not events and timeout != 0:
            self.on_idle()
        return events


class _LoopTimer(asyncio.TimerHandle):
    """A timer of the loop that is kept by the clock."""

    timer: Timer | None = None

    def cancel(self) -> None:
        super().cancel()
        if self.timer is not None:
            self.timer.cancel()


class ClockedLoop(asyncio.SelectorEventLoop):
    """Keeps its timers in the clock, and does the work of threads at once.

    Attributes:
        errors: what was given to the exception handler.
    """

    def __init__(self, clock: FakeClock) -> None:
        selector = _Selector()
        super().__init__(selector)
        selector.on_idle = self._on_idle
        self.errors: list[dict[str, Any]] = []
        self._clock = clock
        self._idle: asyncio.Future[None] | None = None
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    async def advance(self, seconds: float = 0.0) -> None:
        """Lets time pass: each timer fires at its moment, and all that follows from it happens."""
        end = self._clock.monotonic() + seconds
        await self._rest()
        while (pending := self._clock.pending) and pending[0] <= self._left(end) + _ROUNDING:
            self._clock.advance(pending[0])
            await self._rest()
        self._clock.advance(max(0.0, self._left(end)))

    def _left(self, end: float) -> float:
        return end - self._clock.monotonic()

    async def _rest(self) -> None:
        """Returns when nothing is left to do now."""
        self._idle = self.create_future()
        await self._idle

    def _on_idle(self) -> None:
        idle, self._idle = self._idle, None
        if idle is None:
            raise RuntimeError("the test waits, and only time could bring something: advance it")
        idle.set_result(None)

    # What asyncio asks of a loop

    def time(self) -> float:
        return self._clock.monotonic()

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = _LoopTimer(when, callback, args, self, context)
        handle.timer = self._clock.call_later(when - self.time(), self._due, handle)
        return handle

    def _due(self, handle: asyncio.TimerHandle) -> None:
        self.call_soon(lambda: None if handle.cancelled() else handle._run())

    def run_in_executor(
        self, executor: object, func: Callable[[*Args], Result], *args: *Args
    ) -> asyncio.Future[Result]:
        done: asyncio.Future[Result] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 (it is the caller's)
            done.set_exception(error)
        return done


def run_clocked(clock: FakeClock, scenario: Coroutine[Any, Any, None]) -> None:
    """Runs a scenario on a loop of its own; an error that nobody has handled fails it."""
    loop = ClockedLoop(clock)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scenario)
    assert loop.errors == []
