"""When a location's changes of state are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.state.location import Status

#: To tell everybody that a load begins takes 1 ms, which the load would begin later.
SOON_SECONDS = 0.001


class ChangeNotifier:
    """Tells of changes in their order, each before the next one happens.

    Args:
        tell: given the state before and the reason; reads the state after.
    """

    def __init__(self, clock: Clock, tell: Callable[[Status, str], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._waiting: tuple[Status, str] | None = None

    def notify(self, before: Status, reason: str) -> None:
        """Tells at once."""
        self.flush()
        self._tell(before, reason)

    def notify_soon(self, before: Status, reason: str) -> None:
        """Tells when what is under way has been ordered, or at the next `flush`."""
        self.flush()
        self._waiting = before, reason
        self._clock.call_later(SOON_SECONDS, self.flush)

    def flush(self) -> None:
        """Tells what waits; to be called before the state changes again."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._tell(*waiting)
