"""A frame of lines at the end of a terminal, drawn anew in its place; other lines scroll above."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from hostler.cli.terminal.table import display_width

if TYPE_CHECKING:
    from collections.abc import Sequence

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

#: Erases the line of the cursor; the rest of the screen. Lines are erased one by one, since some
#: terminals keep a screen that is erased from its first line on in what was scrolled away.
_ERASE_LINE, _ERASE_REST = "\x1b[2K", "\x1b[J"

_RESET = "\x1b[0m"

#: What colours a text; it takes no column.
_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")

#: Escape sequences and control characters, which would move the cursor.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[@-ln-~]|\x1b[^\[]|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f]")


class Frame:
    """Draws lines below all that was printed. Usable from several threads.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._drawn: list[str] = []

    def draw(self, lines: Sequence[str], width: int) -> None:
        """Draws the lines in the place of those before, each cut at the terminal's width."""
        fresh = [clipped(line, width) for line in lines]
        with self._lock:
            self._write(_HIDE_CURSOR + self._rewind(width) + _joined(fresh))
            self._drawn = fresh

    def print_above(self, text: str, width: int) -> None:
        """Prints a line that scrolls above the frame."""
        with self._lock:
            above = f"{_ERASE_LINE}{text}{_RESET}\n"
            self._write(self._rewind(width) + above + _joined(self._drawn))

    def forget(self) -> None:
        """Leaves what is drawn where it is, as after a stop of the job."""
        with self._lock:
            self._drawn = []

    def close(self) -> None:
        """Leaves the last lines on the terminal, and gives the cursor back."""
        with self._lock:
            self._drawn = []
            self._write(_SHOW_CURSOR)

    def _rewind(self, width: int) -> str:
        """Returns what goes to the frame's first line.

        A terminal that has become narrower has broken the lines of the frame in several.
        """
        rows = sum(max(1, -(-visible_width(line) // max(width, 1))) for line in self._drawn)
        return f"\r\x1b[{rows}A" if rows else ""

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal has gone
            self._stream.write(text)
            self._stream.flush()


def visible_width(line: str) -> int:
    """Returns the columns that a line with colours takes."""
    return display_width(_COLOR.sub("", line))


def clipped(line: str, width: int) -> str:
    """Returns a line with colours, cut at a width; what would move the cursor is left out."""
    line = _CONTROL.sub("", line.expandtabs())
    if visible_width(line) <= width:
        return line
    left, parts = width, []
    for part in _COLOR.split(line):
        if part.startswith("\x1b"):
            parts.append(part)
            continue
        while display_width(part) > left:
            part = part[:-1]  # noqa: PLW2901 (a wide character takes two columns)
        left -= display_width(part)
        parts.append(part)
    return "".join(parts) + _RESET


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{_ERASE_LINE}{line}\n" for line in lines) + _ERASE_REST
