"""Ctrl-C as a call in a thread, in place of an exception at any line of the main thread."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from hostler.cli.terminal.exits import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

#: Seconds that a block may take to end after SIGTERM: all but a call to a daemon that does not
#: answer ends at once.
EXIT_TIMEOUT = 1.0


class InterruptHandler:
    """Calls a function in a thread of its own at each Ctrl-C, in place of KeyboardInterrupt.

    KeyboardInterrupt can be raised after gRPC's client takes a lock and before the `with` that
    releases it; whatever uses the channel next waits for ever. The same holds for the SystemExit
    that SIGTERM and SIGHUP raise, which is therefore raised at the end of the block. A process
    that has no handler for those signals is ended at once if the block takes too long.

    Args:
        on_interrupt: called with 1 for the first Ctrl-C, 2 for the second, ...
        on_termination: called at SIGTERM and SIGHUP, and where `on_interrupt` fails; must end what
            the block waits for before it does anything that may fail.
    """

    def __init__(
        self, on_interrupt: Callable[[int], None], on_termination: Callable[[], None]
    ) -> None:
        self._on_interrupt = on_interrupt
        self._on_termination = on_termination
        self._signals: SimpleQueue[int] = SimpleQueue()  # a handler may interrupt its own put
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._before: dict[int, Any] = {}
        self._end = 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):  # as under nohup, or set by no Python code
                self._before[number] = before
                signal.signal(number, lambda number, _frame: self._signals.put(number))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._signals.put(0)
        self._thread.join()
        if self._end:
            raise SystemExit(128 + self._end)

    def _serve(self) -> None:
        interrupts = itertools.count(1)
        while number := self._signals.get():
            try:
                if number == signal.SIGINT:
                    self._on_interrupt(next(interrupts))
                else:
                    self._end_by(number)
            except Exception:  # noqa: BLE001 (a broken pipe, for one: nobody reads what it says)
                with contextlib.suppress(Exception):
                    self._on_termination()

    def _end_by(self, number: int) -> None:
        self._end = number
        with contextlib.suppress(Exception):  # as above
            self._on_termination()
        if self._before[number] is not signal.SIG_DFL:
            return
        try:
            while self._signals.get(timeout=EXIT_TIMEOUT):
                pass  # one more signal, which ends nothing sooner
        except Empty:
            os._exit(128 + number)
        self._signals.put(0)


def exit_on_interrupt() -> None:
    """Lets Ctrl-C end the process at once, for a command that has nothing to clean up."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave)
