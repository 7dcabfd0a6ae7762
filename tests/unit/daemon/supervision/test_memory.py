"""Who waits for figures of memory, and who does not."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from hostler.daemon.supervision import memory
from hostler.daemon.supervision.memory import ProcessMemory, _Sizes

if TYPE_CHECKING:
    import pytest


def test_who_has_a_figure_does_not_wait_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    measured: list[list[int]] = []

    def measure(pids: list[int]) -> dict[int, _Sizes]:
        measured.append(pids)
        assert go_on.wait(30)
        return {pid: _Sizes(time.monotonic(), 2, 1) for pid in pids}

    async def test() -> None:
        monkeypatch.setattr(memory, "_measured", measure)
        monkeypatch.setattr(memory, "PATIENCE", 1000.0)
        sizes = ProcessMemory()
        sizes._sizes = {7: _Sizes(time.monotonic() - 2, 5, 3), 8: _Sizes(time.monotonic(), 6, 4)}
        async with asyncio.timeout(20):
            await sizes.measure([7, 8])
            assert (sizes.resident_bytes([7, 8]), sizes.private_bytes([7, 8])) == (11, 7)
            await sizes.measure([7, 8])  # one measurement at a time
            others = asyncio.ensure_future(sizes.measure([9]))
            go_on.set()
            await others  # there was no figure
            assert sizes.private_bytes([9]) == 1
            await asyncio.gather(*sizes._being_measured.values())
        assert sizes.resident_bytes([7]) == 2
        assert sorted(measured) == [[7], [9]]

    asyncio.run(test())


def test_many_processes_are_measured_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[int] = []

    def measure(pids: list[int]) -> dict[int, _Sizes]:
        parts.append(len(pids))
        return {pid: _Sizes(time.monotonic(), 2, 1) for pid in pids}

    async def test() -> None:
        monkeypatch.setattr(memory, "_measured", measure)
        monkeypatch.setattr(memory, "PATIENCE", 1000.0)
        sizes = ProcessMemory()
        pids = range(10 * memory._AT_ONCE + 1)
        await sizes.measure(pids)
        assert sizes.private_bytes(pids) == len(pids)
        assert max(parts) <= memory._AT_ONCE
        assert sum(parts) == len(pids)

    asyncio.run(test())
