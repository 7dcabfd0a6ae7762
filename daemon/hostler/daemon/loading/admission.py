"""When a load may begin: once it has a slot and need not wait for a template any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.base.clock import Clock
    from hostler.daemon.templates.environments import Environments
    from hostler.daemon.workspace.text.models import LocationSpec

#: A load that has held its slot this long waits for something other than the processor: the next
#: load may start beside it.
SLOT_SECONDS = 1.0


class Slots:
    """Lets so many loads begin at a time; a load that sleeps holds up no other."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._clock = clock
        self._free = asyncio.Semaphore(count)
        self._is_open = asyncio.Event()
        self._is_open.set()

    def hold(self) -> None:
        """Lets no further load begin until `open`."""
        self._is_open.clear()

    def open(self) -> None:
        """Lets loads begin again."""
        self._is_open.set()

    async def acquire(self) -> Callable[[], None]:
        """Waits for a slot.

        Returns:
            What gives the slot back; the slot is free again after SLOT_SECONDS at the latest.
        """
        await self._is_open.wait()
        await self._free.acquire()
        held = [True]

        def release() -> None:
            if held:
                held.clear()
                self._free.release()

        self._clock.call_later(SLOT_SECONDS, release)
        return release


class Admission:
    """Admits one load: acquires a slot for it, and tells its environment that it has begun.

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
            for_template: whether the load should wait for a template that is being made.
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
        """Notes that the load has ended, well or not; may be called more than once."""
        self._environments.load_ended(self._owner)
        if self._release_slot is not None:
            self._release_slot()
