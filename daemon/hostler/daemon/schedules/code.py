"""The code of schedules: finds it, waits for it, and records what its ticks launch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from hostler.daemon.generations.kinds import SCHEDULE, DefinitionKey
from hostler.daemon.runs.runs import Created
from hostler.daemon.runs.store.tables import RunTables
from hostler.daemon.schedules.waiting import finish

if TYPE_CHECKING:
    from hostler.daemon.base.clock import Clock
    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.locations.location import Location
    from hostler.daemon.runs.store.record import Run
    from hostler.daemon.runs.store.schedule_record import ScheduleKey

#: Records a run together with a tick; see `Runs.launch_within`.
Launch = Callable[
    ["Run", "Location", "Generation", Callable[[RunTables, Callable[[], Created]], Created]],
    Awaitable["Run | None"],
]


class Code:
    """Finds the code of a schedule, and waits for it."""

    def __init__(self, clock: Clock, find_location: Callable[[str], Location | None]) -> None:
        self._clock = clock
        self._find_location = find_location
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def location_changed(self, name: str) -> None:
        """Has those look again who wait for the code of a location."""
        for waiter in self._waiting.get(name, ()):
            finish(waiter)

    async def wait_for(
        self, key: ScheduleKey, deadline: float
    ) -> tuple[Location, Generation] | str:
        """Returns the code that answers for a schedule, or why there is none by the deadline."""
        while True:
            found = self._find(key)
            if not isinstance(found, str):
                return found
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return f"{found}; tick_patience has passed"
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = self._waiting.setdefault(key.location, set())
            waiting.add(waiter)
            timer = self._clock.call_later(left, finish, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                waiting.discard(waiter)
                if not waiting:
                    self._waiting.pop(key.location, None)

    def _find(self, key: ScheduleKey) -> tuple[Location, Generation] | str:
        location = self._find_location(key.location)
        if location is None:
            return f"the workspace has no location {key.location!r}"
        generation = location.generation
        if generation is None:
            why = location.error.message if location.error is not None else location.status.value
            return f"location {key.location!r} has not loaded: {why}"
        if DefinitionKey(SCHEDULE, key.repository, key.name) not in generation.listed:
            return f"location {key.location!r} has no schedule {key.name!r} any more"
        return location, generation
