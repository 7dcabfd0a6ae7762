"""The logs of the locations: the last lines in memory, all lines in files."""

from __future__ import annotations

import asyncio
import os
import re
import urllib.parse
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hostler.daemon.base.settings import Settings
    from hostler.daemon.logs.files import LogWriter

#: "daemon" is for remarks of the daemon itself, such as the end of a process.
Stream: TypeAlias = Literal["stdout", "stderr", "daemon"]

#: Lines that may wait for a follower: at 100 bytes a line about as many as the ring holds.
FOLLOWER_LINES = 1000

#: Bytes of the same, beside the lines that a follower begins with.
FOLLOWER_BYTES = 1_000_000

#: What a line costs in memory besides its text, so that empty lines count as well.
_LINE_OVERHEAD = 100

# A line stays one line, in the files and in a terminal.
_LINE_BREAKS = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a process printed."""

    #: Seconds since 1970.
    time: float
    stream: Stream
    text: str
    #: 0 for a remark that is about no process.
    pid: int
    #: "location", "worker" or "run"; empty for a remark about no process.
    role: str


class LocationLog:
    """The log of one location. All methods are called on the loop."""

    def __init__(
        self, directory: Path | None, name: str, settings: Settings, writer: LogWriter | None = None
    ) -> None:
        """Makes the log of a location, which has no lines yet.

        Args:
            directory: where the files go; None for none.
            name: of the location.
            writer: writes the files of all locations; None for none.
        """
        self.path = None if directory is None else directory / file_name(name)
        self._writer = writer
        self._limit = settings.log_ring
        self._ring: deque[LogLine] = deque()
        self._size = 0
        self._followers: set[Follower] = set()

    def write(self, time: float, stream: Stream, text: str, pid: int = 0, role: str = "") -> None:
        """Adds a line; line breaks in it become blanks."""
        self.write_lines(time, stream, [text], pid, role)

    def write_lines(
        self, time: float, stream: Stream, texts: Sequence[str], pid: int, role: str
    ) -> None:
        """Adds lines that came together, as `write` adds one."""
        texts = [_LINE_BREAKS.sub(" ", text) if _has_break(text) else text for text in texts]
        # a follower takes all; of many lines at once the ring keeps the last ones alone
        count = len(texts) if self._followers else self._count_that_fit(texts)
        for text in texts[len(texts) - count :]:
            line = LogLine(time, stream, text, pid, role)
            self._ring.append(line)
            self._size += _memory_of(text)
            for follower in self._followers:
                follower.add(line)
        while self._size > self._limit and len(self._ring) > 1:
            self._size -= _memory_of(self._ring.popleft().text)
        if self._writer is not None and self.path is not None:
            head = _file_head(time, stream, pid, role)
            self._writer.write(self.path, [f"{head}{text}\n" for text in texts])

    def _count_that_fit(self, texts: Sequence[str]) -> int:
        """Returns how many of the last lines the ring has room for, at least one."""
        size = 0
        for count, text in enumerate(reversed(texts)):
            size += _memory_of(text)
            if size > self._limit:
                return count or 1
        return len(texts)

    def tail(self, count: int) -> list[LogLine]:
        """Returns the last lines that are still in memory, the oldest first."""
        return list(self._ring)[-count:] if count > 0 else []

    def follow(self, count: int = 0) -> Follower:
        """Returns a follower of the last `count` lines and each new one; close it when done."""
        follower = Follower(self.tail(count), self._followers.discard)
        self._followers.add(follower)
        return follower

    def close(self) -> None:
        """Ends the followers, once they have read the lines that they have not read yet."""
        for follower in list(self._followers):
            follower.end()
        self._followers.clear()


class Follower:
    """An async iterator over lines. One that is too slow loses the oldest, and is told how many."""

    def __init__(self, lines: list[LogLine], on_close: Callable[[Follower], None]) -> None:
        self._lines = deque(lines)
        self._max_lines = max(FOLLOWER_LINES, len(lines))
        self._size = sum(_memory_of(line.text) for line in lines)
        self._max_size = self._size + FOLLOWER_BYTES
        self._dropped = 0
        self._on_close = on_close
        self._is_ended = False
        self._changed = asyncio.Event()

    def add(self, line: LogLine) -> None:
        """Adds a line, in place of the oldest where there is no room."""
        self._lines.append(line)
        self._size += _memory_of(line.text)
        while len(self._lines) > self._max_lines or (
            self._size > self._max_size and len(self._lines) > 1
        ):
            self._pop()
            self._dropped += 1
        self._changed.set()

    def end(self) -> None:
        """Ends the iteration after the lines that were added before."""
        self._is_ended = True
        self._changed.set()

    def close(self) -> None:
        """Stops following: the reader has gone."""
        self._on_close(self)
        self._lines.clear()
        self._size = self._dropped = 0
        self.end()

    def _pop(self) -> LogLine:
        line = self._lines.popleft()
        self._size -= _memory_of(line.text)
        return line

    def __aiter__(self) -> Follower:
        return self

    async def __anext__(self) -> LogLine:
        while not self._lines:
            if self._is_ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        if self._dropped:
            remark = f"{self._dropped} lines left out: the reader is too slow"
            self._dropped = 0
            return LogLine(self._lines[0].time, "daemon", remark, 0, "")
        return self._pop()


def file_name(location: str) -> str:
    """Returns the name of a location's log file: special characters are escaped."""
    name = urllib.parse.quote(os.fsencode(location), safe=" :@+=,()[]{}'!~#&;")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return name[:200] + ".log"


def _file_head(time: float, stream: Stream, pid: int, role: str) -> str:
    """Returns what the files have before the text of a line: time, stream, pid, role."""
    when = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
    return f"{when.replace('+00:00', 'Z')} {stream} {pid} {role or '-'} "


def _has_break(text: str) -> bool:
    return "\n" in text or "\r" in text


def _memory_of(text: str) -> int:
    return _LINE_OVERHEAD + (len(text) if text.isascii() else len(text.encode(errors="replace")))
