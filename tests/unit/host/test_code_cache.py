"""The code cache, with the stat that a file system with a coarse clock would give."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostler.host.code_cache import RACY_SECONDS, CodeCache


class CoarseDisk:
    """Replaces stat, whose times stand still as if two writes fell into one tick, and time."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.written = 1000.0

    def stat(self, path: str) -> os.stat_result:
        real = list(Path(path).stat())
        times = {"st_mtime_ns": int(self.written * 1e9), "st_ctime_ns": int(self.written * 1e9)}
        real[6:10] = [real[6], *[int(self.written)] * 3]
        return os.stat_result(real, {**_extra(Path(path).stat()), **times})


def _extra(real: os.stat_result) -> dict[str, int]:
    return {name: getattr(real, name) for name in ("st_blksize", "st_blocks", "st_rdev")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "module.py"
    made.write_text("VALUE = 1\n")
    return made


def test_a_stat_spares_the_reading_of_what_was_written_long_before(path: Path) -> None:
    disk = CoarseDisk(now=1000.0 + RACY_SECONDS + 1)
    cache = CodeCache(disk.stat, lambda: disk.now)
    cache.fill(str(path))
    kept = cache.unchanged(str(path))
    assert kept is not None
    assert kept.content == b"VALUE = 1\n"
    assert kept.code is not None


def test_two_saves_of_one_size_in_one_tick_are_told_apart(path: Path) -> None:
    disk = CoarseDisk(now=1000.5)
    cache = CodeCache(disk.stat, lambda: disk.now)
    cache.fill(str(path))
    path.write_text("VALUE = 2\n")  # the same size, inode, mtime and ctime
    assert cache.unchanged(str(path)) is None, "it was read too soon after the write"
    cache.fill(str(path))
    kept = cache.get(str(path))
    assert kept is not None
    assert kept.content == b"VALUE = 2\n"
    assert kept.code is not None
    found: dict[str, object] = {}
    exec(kept.code, found)
    assert found["VALUE"] == 2


def test_a_reading_that_was_racy_is_trusted_after_another_one(path: Path) -> None:
    disk = CoarseDisk(now=1000.5)
    cache = CodeCache(disk.stat, lambda: disk.now)
    cache.fill(str(path))
    assert cache.unchanged(str(path)) is None
    disk.now += RACY_SECONDS
    cache.fill(str(path))
    assert cache.unchanged(str(path)) is not None


def test_another_stat_means_another_reading(path: Path) -> None:
    disk = CoarseDisk(now=2000.0)
    cache = CodeCache(disk.stat, lambda: disk.now)
    cache.fill(str(path))
    disk.written += 1
    assert cache.unchanged(str(path)) is None


def test_a_file_with_an_older_mtime_is_another_file(path: Path) -> None:
    disk = CoarseDisk(now=2000.0)
    cache = CodeCache(disk.stat, lambda: disk.now)
    cache.fill(str(path))
    path.write_text("VALUE = 3\n")
    disk.written -= 500
    assert cache.unchanged(str(path)) is None


@pytest.mark.parametrize("text", ["def broken(:\n", "x = '\\d'\n", "\0\n"])
def test_what_does_not_compile_in_silence_is_left_to_the_import(path: Path, text: str) -> None:
    path.write_text(text)
    cache = CodeCache()
    cache.fill(str(path))
    kept = cache.get(str(path))
    assert kept is not None
    assert kept.code is None


def test_a_file_that_is_gone_is_forgotten(path: Path) -> None:
    cache = CodeCache()
    cache.fill(str(path))
    assert len(cache) == 1
    path.unlink()
    cache.fill(str(path))
    assert len(cache) == 0
    cache.fill(str(path.parent))  # a folder
    assert cache.unchanged(str(path.parent)) is None


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    path.write_text("VALUE = 1\n")
    cache = CodeCache()
    cache.fill(str(path))
    path.unlink()
    os.mkfifo(path)
    cache.fill(str(path))
    assert len(cache) == 0
