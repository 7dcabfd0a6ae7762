"""The last lines that a process has printed, which a failure shows; few bytes, however long."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Characters of all lines: a traceback's end fits, and a thousand processes take little memory.
MAX_CHARACTERS = 50_000


class LastLines:
    """Keeps the last lines, as iterable; the oldest go where they are too many or too long."""

    def __init__(self, count: int) -> None:
        self._lines: deque[str] = deque(maxlen=count)
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def extend(self, lines: Sequence[str]) -> None:
        """Adds lines, in order."""
        for line in lines[-(self._lines.maxlen or 0) :]:
            self.append(line)

    def append(self, line: str) -> None:
        """Adds a line; one that is longer than all may be is shortened."""
        if not self._lines.maxlen:
            return
        if len(line) > MAX_CHARACTERS:
            line = f"... {line[-MAX_CHARACTERS:]}"
        if len(self._lines) == self._lines.maxlen:
            self._size -= len(self._lines.popleft())
        self._lines.append(line)
        self._size += len(line)
        while self._size > MAX_CHARACTERS and len(self._lines) > 1:
            self._size -= len(self._lines.popleft())
