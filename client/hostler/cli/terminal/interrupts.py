"""Ctrl-C while events come: told to a thread, since an exception would come at the wrong place."""

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

#: What is waited for ends at once, but for a call to a daemon that does not answer.
EXIT_TIMEOUT = 1.0


class InterruptHandler:
    """Has a thread of its own told of each Ctrl-C, in place of KeyboardInterrupt.

    KeyboardInterrupt can be raised between the taking of a lock in gRPC's client and the `with`
    that gives it back; whatever uses the channel next waits for ever. The same holds for the
    SystemExit that SIGTERM and SIGHUP stand for: it is raised at the end of the block. A command
    that has nothing to clean up ends where it stands if that takes too long.

    Args:
        handle: called with 1 for the first Ctrl-C, 2 for the second, ...
        leave: called at SIGTERM and SIGHUP, and where `handle` fails; ends what the block waits
            for, before it may fail itself.
    """

    def __init__(self, handle: Callable[[int], None], leave: Callable[[], None]) -> None:
        self._handle = handle
        self._leave = leave
        self._come: SimpleQueue[int] = SimpleQueue()  # its put may interrupt itself
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._before: dict[int, Any] = {}
        self._end = 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):  # as under nohup, or set by no Python code
                self._before[number] = before
                signal.signal(number, lambda number, _frame: self._come.put(number))
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
        self._come.put(0)
        self._thread.join()
        if self._end:
            raise SystemExit(128 + self._end)

    def _serve(self) -> None:
        interrupts = itertools.count(1)
        while number := self._come.get():
            try:
                if number == signal.SIGINT:
                    self._handle(next(interrupts))
                else:
                    self._end_by(number)
            except Exception:  # noqa: BLE001 (as a broken pipe: nobody reads what is said)
                with contextlib.suppress(Exception):
                    self._leave()

    def _end_by(self, number: int) -> None:
        self._end = number
        with contextlib.suppress(Exception):  # likewise
            self._leave()
        if self._before[number] is not signal.SIG_DFL:
            return
        try:
            while self._come.get(timeout=EXIT_TIMEOUT):
                pass  # another signal
        except Empty:
            os._exit(128 + number)
        self._come.put(0)


def exit_on_interrupt() -> None:
    """From now on Ctrl-C ends the command where it stands; for one that has nothing to clean up."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave)
