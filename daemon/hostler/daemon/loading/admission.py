"""When a load may begin: within the parallel starts, and after the template that it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.base.clock import Clock
    from hostler.daemon.templates.environments import Environments
    from hostler.daemon.workspace.text.models import LocationSpec

#: A load that has held its slot this long is waiting for something else than the processor: the
#: next one may start beside it.
SLOT_SECONDS = 1.0


class Slots:
    """As many loads at a time as there are processors; a load that sleeps holds up no other."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._clock = clock
        self._free = asyncio.Semaphore(count)

    async def acquire(self) -> Callable[[], None]:
        """Waits for a slot.

        Returns:
            What gives the slot back; it is given back by itself after SLOT_SECONDS.
        """
        await self._free.acquire()
        held = [True]

        def release() -> None:
            if held:
                held.clear()
                self._free.release()

        self._clock.call_later(SLOT_SECONDS, release)
        return release


class Admission:
    """Admits one load: takes a slot for it, and tells its environment that it goes on.

    Attributes:
        is_granted: whether the load has been admitted.
    """

    def __init__(
        self, environments: Environments, slots: Slots, spec: LocationSpec, owner: str
    ) -> None:
        self.is_granted = False
        self._environments = environments
        self._slots = slots
        self._spec = spec
        self._owner = owner
        self._release_slot: Callable[[], None] | None = None

    async def wait(self, *, for_template: bool) -> None:
        """Returns when the load may begin; holds no slot while it waits for the template.

        Args:
            for_template: whether the load is to be a fork of the template, if there is one soon.
        """
        while True:
            if for_template:
                await self._environments.wait_for_template(self._spec)
            self._release_slot = await self._slots.acquire()
            if not for_template or not self._environments.is_template_coming(self._spec):
                break
            self._release_slot()
        self._environments.load_started(self._spec, self._owner)
        self.is_granted = True

    def end(self) -> None:
        """The load is over, whether well or not; may be called more than once."""
        self._environments.load_ended(self._owner)
        if self._release_slot is not None:
            self._release_slot()
