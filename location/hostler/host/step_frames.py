"""The frames that the process of a step sends to the run's process through a pipe.

The head, network byte order: the length of the JSON as u32, that of the raw bytes behind it as u64.
"""

from __future__ import annotations

import errno
import json
import os
import struct

from hostler.definitions import _clock as clock
from hostler.definitions._late import late
from hostler.host import interpreter, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_HEAD = struct.Struct("!IQ")

#: Bytes of one read: all that a pipe of the usual size holds.
_CHUNK = 64 * 1024

#: A longer line is cut into pieces, as the daemon cuts it.
MAX_LINE = 64 * 1024

#: Pieces of one line; what comes after them is left out, and its length told at the line's end.
MAX_PIECES = 4

#: Seconds between two redraws of a line that are handed on, as the daemon has it.
REDRAW_SECONDS = 0.1


class FrameWriter:
    """Writes frames whole; usable from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writing = late("threading").Lock()
        self._pid = os.getpid()

    def write(self, value: dict[str, Any], raw: bytes = b"") -> None:
        """Blocks while the run's process does not read.

        Raises:
            WireLostError: the user's code has closed the descriptor.
        """
        if os.getpid() != self._pid:
            interpreter.end_stray()
        body = json.dumps(value, separators=(",", ":")).encode()
        with self._writing:
            for part in (_HEAD.pack(len(body), len(raw)) + body, raw):
                rest = memoryview(part)
                while rest:
                    rest = rest[self._write(rest) :]

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            raise wire.WireLostError(
                f"cannot go on: descriptor {self._descriptor} was closed, through which this step "
                "speaks to its run; close only what your code has opened"
            ) from None


class Pipe:
    """The reading end of a pipe; does not block, and owns its descriptor.

    Attributes:
        is_ended: whether all writing ends are closed.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.is_ended = False
        self._buffer = bytearray()

    def close(self) -> None:
        os.close(self.descriptor)

    def _fill(self) -> bool:
        """Reads once; whether something was there."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self._buffer += data
        self.is_ended = not data
        return bool(data)


class FramePipe(Pipe):
    """Reads frames."""

    def read(self, most: int = 1) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yields the frames that have arrived, in so many reads at most."""
        while most and self._fill():
            most -= 1
            yield from self._frames()

    def _frames(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        while len(self._buffer) >= _HEAD.size:
            size, raw_size = _HEAD.unpack_from(self._buffer)
            middle = _HEAD.size + size
            end = middle + raw_size
            if len(self._buffer) < end:
                return
            value = json.loads(bytes(self._buffer[_HEAD.size : middle]))
            with memoryview(self._buffer) as view:
                raw = bytes(view[middle:end])
            del self._buffer[:end]
            yield value, raw


class LinePipe(Pipe):
    """Reads lines of text; of one that is redrawn by carriage returns, some redraws as well."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._shown = bytearray()
        self._next_redraw = 0.0
        #: Bytes of the unfinished line that were handed on, or left out, as pieces.
        self._passed_size = 0

    def read(self) -> Iterator[str]:
        """Yields the lines that have arrived, about a megabyte at most; keeps an unfinished one."""
        most = 16
        while most and self._fill():
            most -= 1
            *ended, rest = self._buffer.split(b"\n")
            lines: list[bytearray] = []
            for line in ended:
                self._end_line(lines, line)
            if b"\r" in rest:
                shown = _latest(rest)
                if shown and shown != self._shown and clock.monotonic() >= self._next_redraw:
                    self._shown = shown
                    self._next_redraw = clock.monotonic() + REDRAW_SECONDS
                    lines.append(shown)
                rest = bytearray(b"\r" + shown + (b"\r" if rest.endswith(b"\r") else b""))
            self._split(lines, rest)
            self._buffer = rest
            yield from map(_text, lines)

    def _end_line(self, lines: list[bytearray], line: bytearray) -> None:
        """Adds a line, in pieces where it is long, and the length of one that was cut."""
        for text in self._ended(line):
            self._split(lines, text)
            self._add_piece(lines, text)
        size, self._passed_size = self._passed_size, 0
        if size > MAX_PIECES * MAX_LINE:
            lines.append(bytearray(b"[cut: %d bytes in all]" % size))

    def _split(self, lines: list[bytearray], line: bytearray) -> None:
        """Moves the pieces of a line that is too long, all but the last."""
        while len(line) > MAX_LINE:
            end = MAX_LINE
            # not within a character: up to three bytes after its first one are 10xxxxxx
            while end > MAX_LINE - 4 and line[end] & 0xC0 == 0x80:
                end -= 1
            self._add_piece(lines, line[:end])
            del line[:end]

    def _add_piece(self, lines: list[bytearray], piece: bytearray) -> None:
        self._passed_size += len(piece)
        if self._passed_size <= MAX_PIECES * MAX_LINE:
            lines.append(piece)

    def _ended(self, line: bytearray) -> list[bytearray]:
        """Returns a line that has ended; nothing where its last redraw was handed on as it is."""
        if line.endswith(b"\r"):
            line = line[:-1]
        shown, self._shown = self._shown, bytearray()
        if b"\r" not in line and not shown:
            return [line]
        text = _latest(line)
        return [text] if text and text != shown else []

    def rest(self) -> Iterator[str]:
        """Yields what was printed last, where no line break follows it."""
        lines: list[bytearray] = []
        if self._buffer:
            self._end_line(lines, self._buffer)
            self._buffer = bytearray()
        yield from map(_text, lines)


def _latest(line: bytearray) -> bytearray:
    """Returns what a line shows after its last redraw that was no blank one."""
    parts = [part for part in line.split(b"\r") if part.strip()]
    return parts[-1] if parts else bytearray()


def _text(line: bytearray) -> str:
    if line.endswith(b"\r"):
        line = line[:-1]
    return line.decode("utf-8", "replace")
