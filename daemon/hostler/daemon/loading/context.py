"""What every location of a daemon shares, the places for loads among it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hostler.daemon.base.clock import Clock
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.templates.environments import Environments

#: A load that has held its place this long is waiting for something else than the processor: the
#: next one may start beside it.
SLOT_SECONDS = 1.0


class Slots:
    """As many loads at a time as there are processors; a sleeper holds up nobody."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._clock = clock
        self._free = asyncio.Semaphore(count)

    async def acquire(self) -> Callable[[], None]:
        """Waits for a place; returns what gives it back, by itself after SLOT_SECONDS."""
        await self._free.acquire()
        held = [True]

        def release() -> None:
            if held:
                held.clear()
                self._free.release()

        self._clock.call_later(SLOT_SECONDS, release)
        return release


@dataclass(frozen=True, slots=True)
class LocationContext:
    """What every location of a daemon shares."""

    factory: ProcessFactory
    environments: Environments
    settings: Settings
    tasks: Tasks
    slots: Slots
    clock: Clock
    journal: Journal
    #: Owners of processes are numbered across all locations: one that is removed and added again
    #: must not own what its predecessor did.
    numbers: Iterator[int]
