"""Long lines: cut, with their length told; they fill nobody's memory."""

from __future__ import annotations

import asyncio
import io
import os

import pytest

from hostler.daemon.base import journal as journals
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.logs.last_lines import MAX_CHARACTERS, LastLines
from hostler.daemon.logs.location import FOLLOWER_BYTES, LocationLog
from hostler.daemon.logs.pipes import MAX_LINE, MAX_PIECES, PipeReader
from hostler.host import wire


def read(data: bytes) -> list[str]:
    """Returns the lines that come of what a process prints."""
    lines: list[str] = []

    async def scenario() -> None:
        theirs, ours = os.pipe()
        done = asyncio.Event()
        PipeReader(asyncio.get_running_loop(), theirs, lines.extend, done.set)

        def write() -> None:
            with os.fdopen(ours, "wb") as file:
                file.write(data)

        await asyncio.gather(asyncio.to_thread(write), done.wait())

    asyncio.run(asyncio.wait_for(scenario(), 10))
    return lines


WHOLE = MAX_LINE * MAX_PIECES


@pytest.mark.parametrize("size", [WHOLE + 1, WHOLE + MAX_LINE, 1_000_000, 5_000_000])
@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
def test_what_is_above_256_kib_is_cut_and_its_length_told(size: int, end: bytes) -> None:
    lines = read(b"before\n" + b"x" * size + end + b"after\n" * bool(end))
    assert lines[0] == "before"
    if end:
        assert lines.pop() == "after"
    assert lines[-1] == f"[cut: {size} bytes in all]"
    assert sum(map(len, lines[1:-1])) <= WHOLE
    assert sum(map(len, lines[1:-1])) > WHOLE - 2 * MAX_LINE


@pytest.mark.parametrize("size", [0, 1, MAX_LINE, MAX_LINE + 1, WHOLE - 1, WHOLE])
def test_what_is_shorter_is_whole(size: int) -> None:
    assert "".join(read(b"x" * size + b"\n")) == "x" * size


@pytest.mark.parametrize("text", ["x", "ü", "€", "😀", "a\ud800", "xü€😀"])
def test_messages_are_cut_between_characters(text: str) -> None:
    long = text * 400_000
    cut = wire.cut_line(long)
    kept, _, note = cut.rpartition(" [cut: ")
    size = len(long.encode("utf-8", "surrogatepass"))
    assert note == f"{size} bytes in all]"
    assert len(kept.encode("utf-8", "surrogatepass")) <= wire.MAX_LINE
    assert "\ufffd" not in kept
    assert wire.cut_line(text) == text
    assert wire.cut_line("x" * wire.MAX_LINE) == "x" * wire.MAX_LINE


def test_a_slow_follower_holds_few_bytes() -> None:
    async def scenario() -> None:
        log = LocationLog(None, "a", Settings())
        follower = log.follow()
        for _ in range(500):
            log.write(0.0, "stdout", "x" * 60_000)
        held = sum(len(each.text) for each in follower._lines)
        assert held <= FOLLOWER_BYTES
        assert "lines left out" in (await anext(follower)).text
        assert len((await anext(follower)).text) == 60_000

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [10, 10_000, MAX_CHARACTERS, 1_000_000])
def test_the_last_lines_are_few_characters(size: int) -> None:
    lines = LastLines(20)
    for number in range(100):
        lines.append(f"{number}" + "x" * size)
    kept = list(lines)
    assert kept
    assert len(kept) <= 20
    assert sum(map(len, kept)) <= MAX_CHARACTERS + 10
    assert kept[-1].endswith("x" * min(size, MAX_CHARACTERS - 10))


def test_no_last_lines_are_wanted() -> None:
    lines = LastLines(0)
    lines.append("x")
    assert list(lines) == []


def test_the_journal_of_a_terminal_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError

    monkeypatch.setattr(journals.Journal, "_run", lambda _: None)
    journal = Journal(stream=Stuck())
    for _ in range(1000):
        journal.info("x" * 100_000)
    assert sum(map(len, journal._lines)) < journals.MAX_WAITING + 200_000
