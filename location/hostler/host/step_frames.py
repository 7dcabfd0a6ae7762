"""The frames that the process of a step sends to the run's process through a pipe.

The head, network byte order: the length of the JSON as u32, that of the raw bytes behind it as u64.
"""

from __future__ import annotations

import json
import os
import struct

from hostler.definitions._late import late
from hostler.host import interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_HEAD = struct.Struct("!IQ")

#: Bytes of one read: all that a pipe of the usual size holds.
_CHUNK = 64 * 1024

#: A longer line is cut into pieces, as the daemon cuts it.
MAX_LINE = 64 * 1024


class FrameWriter:
    """Writes frames whole; usable from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writing = late("threading").Lock()
        self._pid = os.getpid()

    def write(self, value: dict[str, Any], raw: bytes = b"") -> None:
        """Blocks while the run's process does not read."""
        if os.getpid() != self._pid:
            interpreter.end_stray()
        body = json.dumps(value, separators=(",", ":")).encode()
        with self._writing:
            for part in (_HEAD.pack(len(body), len(raw)) + body, raw):
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]


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
    """Reads lines of text."""

    def read(self) -> Iterator[str]:
        """Yields the lines that have arrived, about a megabyte at most; keeps an unfinished one."""
        most = 16
        while most and self._fill():
            most -= 1
            *lines, rest = self._buffer.split(b"\n")
            while len(rest) > MAX_LINE:
                lines.append(rest[:MAX_LINE])
                rest = rest[MAX_LINE:]
            self._buffer = rest
            yield from map(_text, lines)

    def rest(self) -> Iterator[str]:
        """Yields what was printed last, where no line break follows it."""
        if self._buffer:
            yield _text(self._buffer)
            self._buffer = bytearray()


def _text(line: bytearray) -> str:
    if line.endswith(b"\r"):
        line = line[:-1]
    return line.decode("utf-8", "replace")
