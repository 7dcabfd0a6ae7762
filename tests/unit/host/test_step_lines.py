"""What a step of its own prints: cut as what a run's process prints, with the length told."""

from __future__ import annotations

import os
import threading

import pytest

from hostler.host.step_frames import MAX_LINE, MAX_PIECES, LinePipe

WHOLE = MAX_LINE * MAX_PIECES


def read(data: bytes) -> list[str]:
    """Returns the lines that come of what a step prints."""
    readable, writable = os.pipe()

    def write() -> None:
        with os.fdopen(writable, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    pipe = LinePipe(readable)
    lines: list[str] = []
    while not pipe.is_ended:
        lines += pipe.read()
    lines += pipe.rest()
    writer.join()
    pipe.close()
    return lines


@pytest.mark.parametrize("size", [WHOLE + 1, WHOLE + MAX_LINE, 1_000_000, 5_000_000])
@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n"])
def test_what_is_above_256_kib_is_cut_and_its_length_told(size: int, end: bytes) -> None:
    lines = read(b"before\n" + b"x" * size + end + b"after\n" * bool(end))
    assert lines[0] == "before"
    if end:
        assert lines.pop() == "after"
    assert lines[-1] == f"[cut: {size} bytes in all]"
    assert WHOLE - 2 * MAX_LINE < sum(map(len, lines[1:-1])) <= WHOLE


@pytest.mark.parametrize("size", [0, 1, MAX_LINE, MAX_LINE + 1, WHOLE - 1, WHOLE])
def test_what_is_shorter_is_whole(size: int) -> None:
    assert "".join(read(b"x" * size + b"\n")) == "x" * size


def test_no_character_is_cut() -> None:
    text = "xü€😀" * 20_000
    assert "".join(read(text.encode())) == text
