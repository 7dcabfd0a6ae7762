"""Sees whether a forked run waits for ever where a new interpreter would not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Fields of /proc/PID/stat behind the name: user and system time, in clock ticks.
_TIMES = slice(11, 13)

#: Arguments of a system call in /proc/PID/syscall: futex(2) has its timeout as the fourth.
_TIMEOUT = 4


class StallWatch:
    """Watches the first moments of one run process.

    A process that has inherited a locked lock waits for it without a timeout, uses no processor
    time and says nothing. It is told of after `seconds` in which nothing else was seen.
    """

    def __init__(self, pid: int, seconds: float, on_stall: Callable[[], None]) -> None:
        self._pid = pid
        self._seconds = seconds
        self._on_stall = on_stall
        self._times = _processor_times(pid)
        self._has_told = False
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def note_event(self) -> None:
        """Notes that the run has told of something."""
        self._has_told = True

    def end(self) -> None:
        """Watches no longer."""
        self._timer.cancel()

    def _look(self) -> None:
        times = _processor_times(self._pid)
        if times is None:
            return
        if times == self._times and not self._has_told and _waits_for_a_lock(self._pid):
            self._on_stall()
            return
        self._times, self._has_told = times, False
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)


def _processor_times(pid: int) -> tuple[bytes, ...] | None:
    """Returns the processor time of a process; None where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return None
    return tuple(fields[_TIMES])


def _waits_for_a_lock(pid: int) -> bool:
    """Returns whether the main thread waits for a lock, and would wait for ever."""
    try:
        place = Path(f"/proc/{pid}/wchan").read_text(encoding="ascii")
        call = Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()
    except OSError:  # it has ended, or the system does not tell
        return False
    return "futex" in place and len(call) > _TIMEOUT and call[_TIMEOUT] == "0x0"
