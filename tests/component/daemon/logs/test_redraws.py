"""Lines that are redrawn by carriage returns, as progress bars are."""

from __future__ import annotations

import asyncio
import os

import pytest

from hostler.daemon.logs.pipes import REDRAW_SECONDS, PipeReader


def read(parts: list[bytes], pause: float) -> list[str]:
    async def scenario() -> list[str]:
        found: list[str] = []
        reading, writing = os.pipe()
        ended = asyncio.Event()
        PipeReader(asyncio.get_running_loop(), reading, found.extend, ended.set)
        for part in parts:
            os.write(writing, part)
            await asyncio.sleep(pause)
        os.close(writing)
        await ended.wait()
        return found

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([b"\r 10%", b"\r 50%", b"\r100%\n"], [" 10%", " 50%", "100%"]),
        ([b"10%\r", b"50%\r", b"100%\r\n"], ["10%", "50%", "100%"]),
        ([b"\r 10%", b"\r     \r", b"done\n"], [" 10%", "done"]),
        ([b"\r100%", b"\n", b"next\n"], ["100%", "next"]),
        ([b"one\r\n", b"two\r", b"\nthree\n"], ["one", "two", "three"]),
        ([b"\r 99%"], [" 99%"]),
        ([b"\n", b"\r\n", b"x\n"], ["", "", "x"]),
        ([b"plain", b" text\n"], ["plain text"]),
    ],
)
def test_redraws(parts: list[bytes], expected: list[str]) -> None:
    assert read(parts, REDRAW_SECONDS * 1.5) == expected


def test_redraws_in_a_tight_loop_are_few_and_the_last_one_is_shown() -> None:
    found = read([b"\r%d" % number for number in range(5000)] + [b"\nend\n"], 0)
    assert found[-2:] == ["4999", "end"]
    assert len(found) < 100
