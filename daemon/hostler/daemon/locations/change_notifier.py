"""When clients are told of a location's changes of state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.state.location import Status

#: To tell all clients that a load begins takes 1 ms, by which the load would begin later.
SOON_SECONDS = 0.001


class ChangeNotifier:
    """Tells of changes in their order, of each before the next one happens."""

    def __init__(self, clock: Clock, tell: Callable[[Status, str], None]) -> None:
        """
        Args:
            tell: called with the status before a change and its reason; reads the status after it.
        """
        self._clock = clock
        self._tell = tell
        self._waiting: tuple[Status, str] | None = None

    def notify(self, before: Status, reason: str) -> None:
        """Tells of a change at once."""
        self.flush()
        self._tell(before, reason)

    def notify_soon(self, before: Status, reason: str) -> None:
        """Tells of a change in a moment, once the load has been ordered, or at the next `flush`."""
        self.flush()
        self._waiting = before, reason
        self._clock.call_later(SOON_SECONDS, self.flush)

    def flush(self) -> None:
        """Tells of the change that waits; has to be called before the status changes again."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._tell(*waiting)
