"""Source positions: where definitions stand in the user's code."""

from __future__ import annotations

import sys

from hostler.definitions._value_object import ValueObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

#: Where hostler's own code lies, the host's among it: no place of the user's.
_OWN_FOLDER = __file__.rsplit("/", 2)[0] + "/"


class Missing:
    """The type of `MISSING`, which says that an argument was not given; None is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class SourcePosition(ValueObject):
    """A place in the user's code."""

    __slots__ = ("file", "line")

    def __init__(self, file: str, line: int) -> None:
        self.file = file
        #: Counted from 1.
        self.line = line

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def calling_position() -> SourcePosition | None:
    """Returns the nearest place on the stack that is not hostler's; None where all is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame.f_code.co_filename):
        frame = frame.f_back
    return None if frame is None else SourcePosition(frame.f_code.co_filename, frame.f_lineno)


def position_of(function: object, otherwise: SourcePosition | None = None) -> SourcePosition | None:
    """Returns where a function of the user's is defined, whatever wraps it.

    Args:
        function: the function.
        otherwise: where the function is hostler's own, or not written in Python; where the caller
            is if left out.
    """
    code = code_of(function)
    if code is None or _is_own(code.co_filename):
        return otherwise or calling_position()
    return SourcePosition(code.co_filename, code.co_firstlineno)


def _is_own(file: str) -> bool:
    # the import system's frames, too, between hostler's and the user's
    return file.startswith((_OWN_FOLDER, "<frozen "))


def documentation_of(function: object) -> str:
    """Returns a function's docstring without its indentation; empty where there is none."""
    text = getattr(function, "__doc__", None)
    # An object that is called, a functools.partial say, has the docstring of its class.
    if not isinstance(text, str) or text == type(function).__doc__:
        return ""
    if "\n" not in text:
        return text.expandtabs().strip()
    first, _, rest = text.expandtabs().partition("\n")
    lines = rest.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[indent:].rstrip() for line in lines)]).strip()


def code_of(function: Any) -> CodeType | None:
    """Returns the code of a function, whatever wraps it; None where it is not written in Python."""
    seen = 0
    # A decorator with functools.wraps leaves what it wraps; a cycle of them is the user's joke.
    while hasattr(function, "__wrapped__") and seen < 100:
        function = function.__wrapped__
        seen += 1
    function = getattr(function, "func", function)  # functools.partial
    code: CodeType | None = getattr(function, "__code__", None)
    return code
