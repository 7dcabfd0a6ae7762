"""Timers that a caller arms and disarms by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Clock, Timer

Args = TypeVarTuple("Args")


class Timers:
    """Holds at most one pending call for each name: the one that was armed last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._armed: dict[str, Timer] = {}

    def arm(self, name: str, delay: float, call: Callable[[*Args], object], *args: *Args) -> None:
        """Makes the call `delay` seconds from now, in place of the pending one of this name."""

        def due() -> None:
            self._armed.pop(name, None)
            call(*args)

        self.disarm(name)
        self._armed[name] = self._clock.call_later(delay, due)

    def disarm(self, *names: str) -> None:
        """Cancels the pending calls of these names; ignores names that have none."""
        for name in names:
            timer = self._armed.pop(name, None)
            if timer is not None:
                timer.cancel()

    def is_armed(self, name: str) -> bool:
        """Returns whether a call of this name is pending."""
        return name in self._armed
