"""How much memory processes have, read from /proc in a thread and kept for a moment."""

from __future__ import annotations

import asyncio
import math
import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")

#: Seconds for which a figure is good: nobody reads `ps` more often.
MAX_AGE = 1.0

#: Seconds for which a figure is told while a newer one is measured: who asks again and again, as
#: a live table does, never waits. A look at each of a thousand locations takes the loop 30 ms.
TOLD_FOR = 10.0

#: Seconds that a caller waits where there is no such figure: some dozens of processes. Of a
#: thousand, which take the kernel half a second, the caller gets what there is by then.
PATIENCE = 0.05

#: Processes that are measured before their figures can be read.
_AT_ONCE = 50

#: Seconds after which figures of processes that nobody asks for any more are dropped.
FORGET_AFTER = 30.0


class _Sizes(NamedTuple):
    """What one process had when it was measured."""

    time: float
    resident: int
    private: int


class ProcessMemory:
    """Measures processes; what has been measured is read at once, as often as one likes."""

    def __init__(self) -> None:
        self._sizes: dict[int, _Sizes] = {}
        self._being_measured: dict[int, asyncio.Task[None]] = {}

    def resident_bytes(self, pids: Iterable[int]) -> int:
        """Returns the resident memory of processes; one that has ended counts nothing."""
        total = 0
        good_since = time.monotonic() - TOLD_FOR
        for pid in pids:
            known = self._sizes.get(pid)
            if known is None or (known.time < good_since and pid not in self._being_measured):
                total += resident_bytes(pid)
            else:
                total += known.resident
        return total

    def private_bytes(self, pids: Iterable[int]) -> int:
        """Returns the memory that processes share with none, as far as they were measured."""
        return sum(known.private for pid in pids if (known := self._sizes.get(pid)) is not None)

    async def measure(self, pids: Collection[int]) -> None:
        """Has processes measured whose figures are old; returns once there are figures to tell.

        It returns without them where they take long.
        """
        now = time.monotonic()
        ages = {
            pid: now - known.time if (known := self._sizes.get(pid)) is not None else math.inf
            for pid in pids
        }
        old = [
            pid for pid, age in ages.items() if age >= MAX_AGE and pid not in self._being_measured
        ]
        if old:
            task = asyncio.ensure_future(self._measure(old))
            self._being_measured.update(dict.fromkeys(old, task))
        awaited = {
            self._being_measured[pid]
            for pid, age in ages.items()
            if age >= TOLD_FOR and pid in self._being_measured
        }
        if awaited:
            await asyncio.wait(awaited, timeout=PATIENCE)

    async def _measure(self, pids: list[int]) -> None:
        oldest = time.monotonic() - FORGET_AFTER
        if any(sizes.time < oldest for sizes in self._sizes.values()):
            self._sizes = {pid: sizes for pid, sizes in self._sizes.items() if sizes.time >= oldest}
        try:
            for start in range(0, len(pids), _AT_ONCE):
                part = pids[start : start + _AT_ONCE]
                self._sizes.update(await asyncio.to_thread(_measured, part))
        finally:
            for pid in pids:
                del self._being_measured[pid]


def resident_bytes(pid: int) -> int:
    """Returns the resident memory of a process; 0 for one that has ended."""
    # every change reports it, and a text file would cost four times as much
    text = _content(f"/proc/{pid}/statm", 200)
    return int(text.split()[1]) * _PAGE_SIZE if text else 0


def private_bytes(pid: int) -> int:
    """Returns the memory that a process shares with none; the kernel walks all its pages."""
    lines = _content(f"/proc/{pid}/smaps_rollup", 4096).splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Private_"))


def _measured(pids: list[int]) -> dict[int, _Sizes]:
    return {pid: _Sizes(time.monotonic(), resident_bytes(pid), private_bytes(pid)) for pid in pids}


def _content(path: str, size: int) -> bytes:
    """Returns what a file of /proc says; nothing where its process has ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
