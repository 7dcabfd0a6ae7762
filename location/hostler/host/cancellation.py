"""Cancellation of a run, by SIGINT."""

from __future__ import annotations

import signal
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


class Cancellation:
    """Turns SIGINT into a KeyboardInterrupt, except while interrupts are deferred.

    Attributes:
        requested: whether the signal has come.
    """

    def __init__(self) -> None:
        self.requested = False
        self._interruptible = False
        self._thread = get_ident()

    def install(self) -> None:
        """Takes the signal from here on; in the main thread."""
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._interruptible:
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        self.allow_interrupts()

    def __exit__(self, *_exception: object) -> None:
        self.defer_interrupts()

    def take(self) -> bool:
        """Returns whether the signal has come, and forgets it: what follows is not interrupted."""
        was_requested, self.requested = self.requested, False
        return was_requested

    def allow_interrupts(self) -> None:
        """Lets the signal interrupt from here on, and at once if it has come already.

        In the main thread alone: no other is interrupted.
        """
        if get_ident() != self._thread:
            return
        self._interruptible = True
        if self.requested:
            self._interruptible = False
            raise KeyboardInterrupt

    def defer_interrupts(self) -> bool:
        """Has the signal only noted from here on: an interrupt would cut a frame in two.

        Returns:
            Whether it would have interrupted, so that it may be admitted again.
        """
        if get_ident() != self._thread:
            return False
        before = self._interruptible
        self._interruptible = False
        return before
