"""Ctrl-C while events come: told to a thread, since an exception would come at the wrong place."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

#: As a shell shows a death by SIGINT.
INTERRUPTED = 130


class Interrupts:
    """Has a thread of its own told of each Ctrl-C, in place of KeyboardInterrupt.

    KeyboardInterrupt can be raised between the taking of a lock in gRPC's client and the `with`
    that gives it back; whatever uses the channel next waits for ever.

    Args:
        handle: called with 1 for the first Ctrl-C, 2 for the second, ...
    """

    def __init__(self, handle: Callable[[int], None]) -> None:
        self._handle = handle
        self._come: SimpleQueue[bool] = SimpleQueue()  # its put may interrupt itself
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        if self._before is not signal.SIG_IGN:  # as in the background of a script
            signal.signal(signal.SIGINT, lambda _number, _frame: self._come.put(True))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._come.put(False)
        self._thread.join()

    def _serve(self) -> None:
        for count in itertools.count(1):
            if not self._come.get():
                return
            self._handle(count)


def end_at_interrupt() -> None:
    """From now on Ctrl-C ends the command where it stands; for one that has nothing to clean up."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave)
