"""What the service manager hears of the daemon: that it is up, its locations, a heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.base.clock import Clock, Timer
    from hostler.daemon.base.notify import ServiceManager
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.supervision.supervisor import Supervisor

#: Seconds that the first loads may take until the daemon counts as started all the same: a location
#: that sleeps at import holds up nobody. Below the 90 that systemd gives a start.
FIRST_PASS_PATIENCE = 60.0

#: Seconds between two statuses: a checkout changes fifty locations, and people read one line.
STATUS_INTERVAL = 0.5


class ServiceReporter:
    """Tells the service manager what it waits for, in the background.

    The heartbeat is a timer of the event loop itself: where the loop hangs, it stops.
    """

    def __init__(
        self, manager: ServiceManager, supervisor: Supervisor, tasks: Tasks, clock: Clock
    ) -> None:
        self._manager = manager
        self._supervisor = supervisor
        self._tasks = tasks
        self._clock = clock
        self._heartbeat: Timer | None = None
        self._rereads = 0
        self._is_up = False

    def start(self) -> None:
        """Begins to tell; the daemon serves by now."""
        self._beat()
        self._tasks.start(self._report(), "reports to the service manager")

    def reread_workspace(self) -> None:
        """Has the workspace and env files read again, and tells the manager before and after."""
        self._rereads += 1
        self._manager.reloading()
        self._tasks.start(self._reread(), "reading of the workspace files")

    def stop(self) -> None:
        """Says that the daemon ends; the heartbeat goes on until it has."""
        self._manager.stopping()

    def close(self) -> None:
        """Ends the heartbeat."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def _beat(self) -> None:
        if self._manager.watchdog:
            self._manager.ping()
            self._heartbeat = self._clock.call_later(self._manager.watchdog / 2, self._beat)

    async def _reread(self) -> None:
        try:
            await self._supervisor.reread_workspace()
        finally:
            self._rereads -= 1
            # a later signal is still being dealt with, and says so itself
            if not self._rereads and self._is_up:
                self._manager.ready(self._status())

    async def _report(self) -> None:
        self._manager.status(told := self._status())
        await self._first_pass()
        self._is_up = True
        self._manager.ready(told := self._status())
        while True:
            next_change = self._supervisor.changes.next_change()
            status = self._status()
            if status != told:
                self._manager.status(told := status)
                await asyncio.sleep(STATUS_INTERVAL)
            else:
                await next_change.wait()

    async def _first_pass(self) -> None:
        """Returns when each location has loaded or failed, with a limit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PASS_PATIENCE):
                for location in list(self._supervisor.locations.values()):
                    await location.load.settled()

    def _status(self) -> str:
        """Returns how many locations are in which state."""
        locations = self._supervisor.locations.values()
        counts = Counter(location.status.value for location in locations)
        said = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        problems = self._supervisor.problems
        if problems:
            said = f"{said}; the workspace files are not valid: {problems[0]}"
        return said or "the workspace has no locations"
