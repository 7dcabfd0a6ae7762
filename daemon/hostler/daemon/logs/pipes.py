"""Reads lines from the pipes of a process's stdout and stderr."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

#: A longer line is cut into pieces: what prints without end must not fill the memory.
MAX_LINE = 64 * 1024

#: Pieces of one line; what comes after them is left out, and its length told at the line's end.
MAX_PIECES = 4

#: Bytes of one read; a pipe holds as many.
_READ_SIZE = 64 * 1024

#: Lines that are handed on together, and in one turn of the loop: about a millisecond's work.
_LINES_PER_TURN = 1000

#: Seconds between two redraws of a line, by carriage returns, that are handed on: a progress bar is
#: seen to move, and one that is redrawn in a tight loop fills no log.
REDRAW_SECONDS = 0.1

#: Bytes that `drain` reads at most: the largest pipe that an ordinary user can have. A process that
#: goes on writing must not hold up the daemon.
_MAX_DRAINED = 1024 * 1024


class PipeReader:
    """Reads a pipe on the loop and hands on its lines; owns the descriptor."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        on_lines: Callable[[list[str]], None],
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Begins to read.

        Args:
            fd: the reading end of a pipe; the reader makes it non-blocking.
            on_lines: gets the lines in order, as many at once as have come, at least one; without
                their line breaks; UTF-8, other bytes replaced.
            on_end: called once after the last line, when every writer has closed its end. Not
                called by `close`.
        """
        self._loop = loop
        self._fd = fd
        self._on_lines = on_lines
        self._on_end = on_end
        self._lines: deque[bytes | bytearray] = deque()
        self._unfinished_line = bytearray()
        #: Bytes of the unfinished line that were handed on, or left out, as pieces.
        self._passed_size = 0
        self._next_turn: asyncio.Handle | None = None
        #: Of the line that is redrawn: what was handed on last, when, and what waits to be.
        self._shown = b""
        self._shown_at = 0.0
        self._waiting = b""
        self._redraw: asyncio.TimerHandle | None = None
        self._is_detached = False
        self._is_paused = False
        self._is_ended = False
        os.set_blocking(fd, False)
        loop.add_reader(fd, self._read)

    def pause(self) -> None:
        """Stops reading until `resume`; `catch_up` and `drain` still read."""
        self._is_paused = True
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        if not self._is_detached and self._fd >= 0:
            self._is_detached = True
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Continues to read after `pause`."""
        if self._is_paused and self._fd >= 0:
            self._next_turn = self._loop.call_soon(self._read)
        self._is_paused = False

    def drain(self) -> None:
        """Hands on what is in the pipe now, the last line also where it is not terminated.

        For a process that has died: others may go on writing into its pipe, and are still read.
        """
        self.catch_up()
        self._flush()

    def catch_up(self) -> None:
        """Hands on the lines that are in the pipe now; one that is not ended yet stays."""
        count = 0
        while not self._is_ended and self._fd >= 0 and count < _MAX_DRAINED:
            size = self._fill()
            if not size:
                break
            count += size
        self._emit_all()

    def close(self) -> None:
        """Hands on what was read, and closes the descriptor; does nothing if that is done."""
        if self._fd < 0:
            return
        self._flush()
        self._close_descriptor()

    def _read(self) -> None:
        """Reads and hands on some lines, so that a chatty process leaves the loop to others."""
        self._next_turn = None
        if not self._lines:
            self._fill()
        if self._lines:
            self._emit(
                [self._lines.popleft() for _ in range(min(_LINES_PER_TURN, len(self._lines)))]
            )
            if self._fd < 0 or self._is_paused:  # `on_lines` has closed or paused this reader
                return
        if self._lines:
            if not self._is_detached:
                self._is_detached = True
                self._loop.remove_reader(self._fd)
            self._next_turn = self._loop.call_soon(self._read)
        elif self._is_ended:
            self._close_descriptor()
            if self._on_end is not None:
                self._on_end()
        elif self._is_detached:
            self._is_detached = False
            self._loop.add_reader(self._fd, self._read)

    def _fill(self) -> int:
        """Reads once; returns how many bytes came."""
        try:
            data = os.read(self._fd, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:  # the other end of a terminal is gone
            data = b""
        if data:
            self._unfinished_line += data
            self._split()
        else:
            self._is_ended = True
            self._end_last_line()
        return len(data)

    def _split(self) -> None:
        *lines, rest = self._unfinished_line.split(b"\n")
        if self._is_plain():
            self._lines.extend(lines)
        else:
            for line in lines:
                self._end_line(line)
        if b"\r" in rest:
            latest = _latest(rest)
            self._offer(bytes(latest))
            rest = bytearray(b"\r" + latest + (b"\r" if rest.endswith(b"\r") else b""))
        if len(rest) > MAX_LINE:
            self._split_long_line(rest)
        self._unfinished_line = rest

    def _is_plain(self) -> bool:
        """Returns whether no line of what was read is redrawn or may be too long."""
        data = self._unfinished_line
        return (
            len(data) <= MAX_LINE
            and not self._passed_size
            and not self._shown
            and not self._waiting
            and b"\r" not in data
        )

    def _end_line(self, line: bytearray) -> None:
        """Adds a line, unless its last redraw was handed on as it is."""
        is_redrawn = b"\r" in line.removesuffix(b"\r") or bool(self._shown)
        text = _latest(line) if is_redrawn else line.removesuffix(b"\r")
        shown, self._shown, self._waiting = self._shown, b"", b""
        if is_redrawn and (text == shown or not text):
            return
        self._split_long_line(text)
        self._end_pieces(text)

    def _offer(self, text: bytes) -> None:
        """Hands on a redraw of a line that is not ended, at once or a moment later."""
        if not text or text == self._shown:
            return
        self._waiting = text
        if self._redraw is None:
            pause = self._shown_at + REDRAW_SECONDS - self._loop.time()
            if pause <= 0:
                self._show()
            else:
                self._redraw = self._loop.call_later(pause, self._show_later)

    def _show(self) -> None:
        if self._waiting:
            self._shown, self._shown_at = self._waiting[:MAX_LINE], self._loop.time()
            self._lines.append(self._shown)
        self._waiting = b""

    def _show_later(self) -> None:
        self._redraw = None
        is_alone = not self._lines
        self._show()
        if is_alone and self._lines:  # else it comes in its turn
            self._emit_all()

    def _split_long_line(self, line: bytearray) -> None:
        """Moves the pieces of a line that is too long, all but the last."""
        while len(line) > MAX_LINE:
            end = MAX_LINE
            # Do not cut within a character: up to three bytes after its first one are 10xxxxxx.
            while end > MAX_LINE - 4 and line[end] & 0xC0 == 0x80:
                end -= 1
            self._add_piece(line[:end])
            del line[:end]

    def _add_piece(self, piece: bytearray) -> None:
        self._passed_size += len(piece)
        if self._passed_size <= MAX_PIECES * MAX_LINE:
            self._lines.append(bytes(piece))

    def _end_pieces(self, last: bytearray) -> None:
        self._add_piece(last)
        size, self._passed_size = self._passed_size, 0
        if size > MAX_PIECES * MAX_LINE:
            self._lines.append(b"[cut: %d bytes in all]" % size)

    def _end_last_line(self) -> None:
        if self._unfinished_line:
            self._end_line(self._unfinished_line)
            self._unfinished_line = bytearray()

    def _flush(self) -> None:
        self._end_last_line()
        self._emit_all()

    def _emit_all(self) -> None:
        if self._lines:
            lines = list(self._lines)
            self._lines.clear()
            self._emit(lines)

    def _emit(self, lines: Iterable[bytes | bytearray]) -> None:
        self._on_lines([line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines])

    def _close_descriptor(self) -> None:
        if self._fd < 0:
            return
        for handle in (self._next_turn, self._redraw):
            if handle is not None:
                handle.cancel()
        self._next_turn = self._redraw = None
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1


def _latest(line: bytes | bytearray) -> bytearray:
    """Returns what a line shows after its last redraw that was no blank one."""
    parts = [part for part in line.split(b"\r") if part.strip()]
    return bytearray(parts[-1]) if parts else bytearray()
