"""Where a process is that takes too long: it is asked by a signal, and says it on its stderr.

Python's faulthandler writes that from within the signal's handler, so a process answers that is
in an endless loop, waits for a socket or for a lock. What it writes is read here, line by line; the
user's code may write whatever looks alike.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

#: A thread's first line; behind what the user's code has printed without an end of the line.
_THREAD = re.compile(
    r"(?P<before>.*?)(?:Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):"
)
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d{1,9}) in (?P<function>.*)')
#: More frames than it tells of a thread, and more threads than it tells of.
_MORE_FRAMES, _MORE_THREADS = "  ...", "..."

#: Of a thread, as faulthandler has it.
_MOST_FRAMES = 100

#: What is not ASCII in a path.
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4}))")


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
    """What a process says of its threads; of these the main one counts, which is told last.

    Attributes:
        is_whole: whether the main thread was told to its outermost call.
    """

    def __init__(self, own_code: str) -> None:
        """
        Args:
            own_code: the folder of the code of ours that is executed in the process.
        """
        self.is_whole = False
        self._own_code = own_code
        self._outermost = f"{own_code}/host/bootstrap.py"
        self._frames: list[StackFrame] = []
        self._is_within = False

    def filter_line(self, text: str) -> str | None:
        """Reads a line of stderr; the part of it that is not the stack's, None where there is none.

        What stands before a stack, as a progress bar does, is the user's.
        """
        if header := _THREAD.fullmatch(text):
            self._frames.clear()
            self._is_within = True
            return header["before"] or None
        if not self._is_within:
            return text
        if found := _FRAME.fullmatch(text):
            self._add(StackFrame(_unescaped(found["file"]), int(found["line"]), found["function"]))
        elif text == _MORE_THREADS:
            self._frames.clear()  # the main one was not told
        elif text not in {"", _MORE_FRAMES}:
            return text
        return None

    def _add(self, frame: StackFrame) -> None:
        if len(self._frames) < _MOST_FRAMES:
            self._frames.append(frame)
        self.is_whole = frame.file == self._outermost and frame.function == "<module>"

    @property
    def frames(self) -> list[StackFrame]:
        """Those of the user's code and of what it called, the innermost first.

        Left out are ours, and those that each import adds.
        """
        return [
            frame
            for frame in self._frames
            if not frame.file.startswith((f"{self._own_code}/", "<frozen "))
        ]

    def innermost(self, files: Container[str]) -> StackFrame | None:
        """The innermost call in one of the user's files; else in any."""
        known = (frame for frame in self.frames if frame.file in files)
        return next(known, None) or next(iter(self.frames), None)


def _unescaped(file: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[found.lastindex or 0], 16)), file)
