"""Where a process is that takes too long: it is asked by a signal, and says it on its stderr.

Python's faulthandler writes that from within the signal's handler, so a process answers that is
in an endless loop, waits for a socket or for a lock. What it writes is read here, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

_THREAD = re.compile(r"(?:Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):")
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)')
#: More frames than faulthandler tells, a hundred.
_MORE = "  ..."

#: Frames of nobody's code: ours, and those that each import adds.
_HIDDEN = re.compile(r"/hostler/(?:host|definitions)/|^<frozen ")
#: What each location's main thread begins with.
_OUTERMOST = "/hostler/host/bootstrap.py"


@dataclass(frozen=True, slots=True)
class StackFrame:
    """A call that has not returned.

    Attributes:
        line: that is being executed; counted from 1.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Stack:
    """What a process says of its threads; of these the main one counts, which is told last."""

    def __init__(self) -> None:
        self._frames: list[StackFrame] = []
        self._is_within = False
        self.is_whole = False

    def take(self, text: str) -> bool:
        """Reads a line of stderr; returns whether it is one of the stack's."""
        if _THREAD.match(text):
            self._frames.clear()
            self._is_within = True
        elif self._is_within and (found := _FRAME.fullmatch(text)):
            frame = StackFrame(found["file"], int(found["line"]), found["function"])
            self._frames.append(frame)
            self.is_whole = frame.file.endswith(_OUTERMOST) and frame.function == "<module>"
        elif self._is_within and text in {"", _MORE}:  # between two threads, or after the last
            self._is_within = False
        else:
            return False
        return True

    @property
    def frames(self) -> list[StackFrame]:
        """Those of the user's code and of what it called, the innermost first."""
        return [frame for frame in self._frames if not _HIDDEN.search(frame.file)]

    def innermost(self, files: Container[str]) -> StackFrame | None:
        """The innermost call in one of the user's files; else in any."""
        known = (frame for frame in self.frames if _unescaped(frame.file) in files)
        return next(known, None) or next(iter(self.frames), None)


def _unescaped(file: str) -> str:
    r"""The path; faulthandler writes what is not ASCII as \xe4 and the like."""
    if "\\" not in file:
        return file
    try:
        return file.encode("ascii").decode("unicode_escape")
    except UnicodeError:
        return file
