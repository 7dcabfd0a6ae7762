from __future__ import annotations

import pytest

from hostler.cli.terminal.keys import key_names


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        (b"\x1b[A", ["up"]),
        (b"\x1bOB", ["down"]),
        (b"\x1b[Al\r", ["up", "l", "enter"]),
        (b"\x1b", ["escape"]),
        (b"jjr?", ["j", "j", "r", "?"]),
        (b"\x1b[15~\x1b[1;5Cq", ["q"]),
        ("é".encode(), ["é"]),
        (b"\xff\x00\x04", []),
        (b"", []),
    ],
)
def test_keys_of_one_read(typed: bytes, names: list[str]) -> None:
    assert key_names(typed) == names
