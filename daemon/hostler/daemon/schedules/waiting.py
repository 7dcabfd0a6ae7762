"""Waits by the daemon's clock, which a test turns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.base.clock import Clock


async def pause(clock: Clock, seconds: float) -> None:
    """Returns after so many seconds of the clock."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(seconds, finish, done)
    try:
        await done
    finally:
        timer.cancel()


def finish(done: asyncio.Future[None]) -> None:
    """Sets the result of a future, unless it has one or was cancelled."""
    if not done.done():
        done.set_result(None)
