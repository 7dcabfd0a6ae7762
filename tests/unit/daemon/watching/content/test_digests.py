"""The digests of files, and when a stamp spares the reading."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.watching.content.digests import ABSENT, LARGE, RACY_NS, read_state
from hostler.host.wire import content_digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [0, 10, LARGE, LARGE + 1, 3 * LARGE])
def test_a_digest_is_the_wire_s(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    sight = read_state(str(path))
    assert sight is not None
    assert sight.digest == content_digest(b"x" * size)


def test_what_is_not_a_file_is_absent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("", "missing", "pipe", "loop", "missing/below", "x" * 300):
        assert read_state(str(tmp_path / name)) == ABSENT


def test_an_old_stamp_spares_the_reading_and_a_young_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    sight = read_state(str(path))
    assert sight is not None
    assert read_state(str(path), sight) is not sight
    # As if it had been read 3 s after the file was last changed.
    late = dataclasses.replace(sight, read_ns=time.time_ns() + RACY_NS + 10**9)
    assert read_state(str(path), late) is late
    path.write_text("two")
    again = read_state(str(path), late)
    assert again is not None
    assert again.digest == content_digest(b"two")
