"""Health pings of a location process that serves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hostler.daemon.processes.channel import CanceledError, ChannelClosedError
from hostler.daemon.processes.host_process import DEATH_SECONDS
from hostler.host.wire import Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.processes.host_process import HostProcess
    from hostler.daemon.workspace.text.models import Health


class Pings:
    """Pings one process for as long as it serves."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(
        self,
        tasks: Tasks,
        host: HostProcess,
        health: Health,
        on_unhealthy: Callable[[], None],
        on_lost_wire: Callable[[], None],
    ) -> None:
        """Begins to ping; the first ping comes after one interval.

        Args:
            on_unhealthy: called when the process has left as many pings in a row unanswered as
                `health` allows.
            on_lost_wire: called when the process has closed its wire and lives on.
        """
        work = _ping(host, health, on_unhealthy, on_lost_wire)
        self._task = tasks.start(work, f"pings of {host.owner}")

    def stop(self) -> None:
        """Ends the pings, if they have begun."""
        if self._task is not None:
            self._task.cancel()
            self._task = None


async def _ping(
    host: HostProcess,
    health: Health,
    on_unhealthy: Callable[[], None],
    on_lost_wire: Callable[[], None],
) -> None:
    missed = 0
    while True:
        await asyncio.sleep(health.interval)
        try:
            await host.channel.request(Method.PING, timeout=health.timeout)
            missed = 0
        except (TimeoutError, CanceledError):  # canceled: the process woke up after the timeout
            missed += 1
            if missed == health.failures:
                on_unhealthy()
        except ChannelClosedError:
            await asyncio.wait([host.exit], timeout=DEATH_SECONDS)
            if not host.exit.done():
                on_lost_wire()
            return
