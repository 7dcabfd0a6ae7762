"""Logs with real pipes, real files and the writer's real thread."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.logs.files import LogWriter
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.logs.pipes import PipeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path
    from typing import TextIO

DEADLINE = 10.0


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), DEADLINE))


@contextmanager
def writing(settings: Settings, said: TextIO | None = None) -> Iterator[LogWriter]:
    """Makes a writer of log files, which reports problems with them in `said`."""
    journal = Journal(stream=said)
    writer = LogWriter(settings, journal)
    writer.start()
    try:
        yield writer
    finally:
        writer.close()
        journal.close()


def test_the_ring_keeps_the_last_lines() -> None:
    log = LocationLog(None, "a", Settings(log_ring=1000))
    for i in range(100):
        log.write(0.0, "stdout", str(i), 1, "location")
    kept = [line.text for line in log.tail(1000)]
    assert kept == [str(i) for i in range(100 - len(kept), 100)]
    assert 5 <= len(kept) <= 10
    assert [line.text for line in log.tail(2)] == ["98", "99"]
    assert log.tail(0) == []
    log.write(0.0, "stdout", "ü" * 5000, 1, "location")
    assert len(log.tail(10)) == 1


def test_a_follower_gets_the_tail_and_each_new_line() -> None:
    async def scenario() -> None:
        log = LocationLog(None, "a", Settings())
        for text in ("one", "two", "three"):
            log.write(0.0, "stdout", text, 1, "location")
        follower = log.follow(2)
        log.write(0.0, "stderr", "four", 1, "worker")
        assert [(await anext(follower)).text for _ in range(3)] == ["two", "three", "four"]
        waiting = asyncio.ensure_future(anext(follower))
        await asyncio.sleep(0)
        log.write(0.0, "stdout", "five", 1, "location")
        assert (await waiting).text == "five"
        log.write(0.0, "stdout", "six", 1, "location")
        log.close()
        assert [line.text async for line in follower] == ["six"]

    run(scenario)


def test_a_slow_follower_is_told_what_it_missed_and_holds_up_nobody() -> None:
    async def scenario() -> None:
        log = LocationLog(None, "a", Settings())
        slow, closed = log.follow(), log.follow()
        closed.close()
        for i in range(1500):
            log.write(0.0, "stdout", str(i), 1, "location")
        log.close()
        lines = [line async for line in slow]
        assert lines[0].stream == "daemon"
        assert lines[0].text.startswith("500 lines left out")
        assert [line.text for line in lines[1:]] == [str(i) for i in range(500, 1500)]
        assert [line async for line in closed] == []

    run(scenario)


def test_the_file_has_time_stream_pid_role_and_text(tmp_path: Path) -> None:
    with writing(Settings()) as writer:
        log = LocationLog(tmp_path / "logs", "sales/eu:repo", Settings(), writer)
        log.write(1767225600.0, "stdout", "text", 1234, "location")
        log.write(1767225600.25, "daemon", "ended\nwith 3\r\n")
        assert writer.flush(DEADLINE)
        assert log.path == tmp_path / "logs" / "sales%2Feu:repo.log"
        assert log.path.read_text() == (
            "2026-01-01T00:00:00.000Z stdout 1234 location text\n"
            "2026-01-01T00:00:00.250Z daemon 0 - ended with 3 \n"
        )


def test_files_rotate(tmp_path: Path) -> None:
    settings = Settings(log_bytes=150, log_files=3)
    with writing(settings) as writer:
        log = LocationLog(tmp_path, "a", settings, writer)
        for i in range(10):
            log.write(0.0, "stdout", f"line {i}", 1, "location")
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["a.log", "a.log.1", "a.log.2"]
    assert all(file.stat().st_size <= 150 for file in files)
    texts = [line[-1] for file in reversed(files) for line in file.read_text().splitlines()]
    assert texts == [str(i) for i in range(10)][-len(texts) :]
    assert texts[-1] == "9"


def test_a_file_that_cannot_be_written_loses_lines_until_it_can(tmp_path: Path) -> None:
    said = io.StringIO()
    folder = tmp_path / "logs"
    folder.write_text("in the way")
    with writing(Settings(), said) as writer:
        log = LocationLog(folder, "a", Settings(), writer)
        for i in range(3):
            log.write(0.0, "stdout", f"lost {i}", 1, "location")
            assert writer.flush(DEADLINE)
        folder.unlink()
        log.write(0.0, "stdout", "kept", 1, "location")
        assert writer.flush(DEADLINE)
        assert (folder / "a.log").read_text() == (
            "hostler: 3 lines are missing here\n1970-01-01T00:00:00.000Z stdout 1 location kept\n"
        )
        assert len(log.tail(10)) == 4
    messages = [line.partition(" warning ")[2] for line in said.getvalue().splitlines()]
    assert [m.split(" ")[0] for m in messages] == ["cannot", "the"]
    assert str(folder / "a.log") in messages[0]


def test_a_full_disk_loses_lines_and_never_tears_the_next(tmp_path: Path) -> None:
    """A limit of the file size lets a part of a write pass and then nothing, as a full disk."""
    script = """
import resource, signal, sys
from pathlib import Path
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.logs.files import LogWriter
from hostler.daemon.logs.location import LocationLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
journal = Journal()
writer = LogWriter(Settings(), journal)
writer.start()
log = LocationLog(folder, "a", Settings(), writer)
resource.setrlimit(resource.RLIMIT_FSIZE, (70, resource.RLIM_INFINITY))
for i in range(4):
    log.write(0.0, "stdout", f"line {i}", 1, "location")
    assert writer.flush(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
log.write(0.0, "stdout", "after", 1, "location")
writer.close()
journal.close()
print((folder / "a.log").read_text(), end="")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].endswith("line 0")
    assert lines[-2] == "hostler: 3 lines are missing here"
    assert lines[-1].endswith("after")
    assert done.stderr.count("cannot write the log file") == 1


class Pipe:
    """Holds a pipe with its reader."""

    def __init__(self) -> None:
        read, self.write_end = os.pipe()
        self.fd = read
        self.lines: list[str] = []
        self.ended = asyncio.Event()
        self.reader = PipeReader(
            asyncio.get_running_loop(), read, self.lines.extend, self.ended.set
        )


def test_lines_of_a_pipe() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        os.write(pipe.write_end, b"one\ntw")
        os.write(pipe.write_end, b"o\r\n\n\xff\xc3\xbc\nlast")
        os.close(pipe.write_end)
        await pipe.ended.wait()
        assert pipe.lines == ["one", "two", "", "\N{REPLACEMENT CHARACTER}ü", "last"]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(pipe.fd)
        pipe.reader.close()

    run(scenario)


def test_a_line_without_end_is_cut_between_characters() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        text = "x" + "ü" * 100_000
        writing = asyncio.to_thread(write_all, pipe.write_end, text.encode())
        await asyncio.gather(writing, pipe.ended.wait())
        assert "".join(pipe.lines) == text
        assert max(len(line.encode()) for line in pipe.lines) <= 65536
        assert len(pipe.lines) == 4

    run(scenario)


def write_all(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def test_a_chatty_pipe_does_not_starve_the_loop() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        os.write(pipe.write_end, b"\n" * 65536)
        turns = 0
        seen = 0
        while len(pipe.lines) < 65536:
            await asyncio.sleep(0)
            turns += 1
            assert len(pipe.lines) - seen <= 1000
            seen = len(pipe.lines)
        assert turns >= 65536 / 1000
        os.write(pipe.write_end, b"more\n")
        os.close(pipe.write_end)
        await pipe.ended.wait()
        assert pipe.lines[-1] == "more"

    run(scenario)


def test_drain_reads_what_is_there_though_somebody_holds_the_pipe() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        os.write(pipe.write_end, b"one\ndying wor")
        pipe.reader.drain()
        assert pipe.lines == ["one", "dying wor"]
        pipe.reader.drain()
        assert len(pipe.lines) == 2
        os.write(pipe.write_end, b"a grandchild\n")
        os.close(pipe.write_end)
        await pipe.ended.wait()
        assert pipe.lines[2:] == ["a grandchild"]

    run(scenario)


def test_close_hands_on_what_was_read() -> None:
    async def scenario() -> None:
        pipe = Pipe()
        os.write(pipe.write_end, b"one\n" * 3000 + b"rest")
        for _ in range(100):
            if pipe.lines:
                break
            await asyncio.sleep(0)
        assert 0 < len(pipe.lines) < 3000
        pipe.reader.close()
        assert pipe.lines == ["one"] * 3000 + ["rest"]
        assert not pipe.ended.is_set()
        os.close(pipe.write_end)

    run(scenario)
