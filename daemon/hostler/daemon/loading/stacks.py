"""The stack of a process that takes too long: a signal asks for it, and it comes on stderr.

Python's faulthandler writes the stack from within the signal's handler, so that a process answers
even if it is in an endless loop, or waits for a socket or a lock. This module reads it, line by
line; the user's code may print lines that look the same.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

#: A thread's first line; it comes after what the user's code has printed without a newline.
_THREAD = re.compile(
    r"(?P<before>.*?)(?:Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):"
)
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d{1,9}) in (?P<function>.*)')
#: Stand for more frames of a thread, and for more threads, than faulthandler writes.
_MORE_FRAMES, _MORE_THREADS = "  ...", "..."

#: Frames of a thread that faulthandler writes.
_MOST_FRAMES = 100

#: A character of a path that is not ASCII.
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4}))")


@dataclass(frozen=True, slots=True)
class StackFrame:
    """Describes a call that has not returned.

    Attributes:
        line: the line that is being executed; counted from 1.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Stack:
    """Reads the stacks of a process's threads, and keeps that of the main thread, which comes last.

    Attributes:
        is_whole: whether the main thread's stack has come up to its outermost call.
    """

    def __init__(self, own_code: str) -> None:
        """
        Args:
            own_code: the folder of hostler's own code that the process executes.
        """
        self.is_whole = False
        self._own_code = own_code
        self._outermost = f"{own_code}/host/bootstrap.py"
        self._frames: list[StackFrame] = []
        self._is_within = False

    def filter_line(self, text: str) -> str | None:
        """Reads a line of stderr; returns the part that is none of a stack, None if there is none.

        The user's code has printed what stands before a stack on its line: a progress bar, say.
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
            self._frames.clear()  # the main thread was left out
        elif text not in {"", _MORE_FRAMES}:
            return text
        return None

    def _add(self, frame: StackFrame) -> None:
        if len(self._frames) < _MOST_FRAMES:
            self._frames.append(frame)
        self.is_whole = frame.file == self._outermost and frame.function == "<module>"

    @property
    def frames(self) -> list[StackFrame]:
        """The calls of the user's code and of libraries, the innermost first.

        Leaves out hostler's own, and those that each import adds.
        """
        return [
            frame
            for frame in self._frames
            if not frame.file.startswith((f"{self._own_code}/", "<frozen "))
        ]

    def innermost(self, files: Container[str]) -> StackFrame | None:
        """Returns the innermost call in one of the files; in any file if there is none."""
        known = (frame for frame in self.frames if frame.file in files)
        return next(known, None) or next(iter(self.frames), None)


def _unescaped(file: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[found.lastindex or 0], 16)), file)
