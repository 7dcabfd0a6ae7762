"""How much Python a call executes: a bound on its work that no busy machine moves."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@dataclass
class LineCount:
    """Counts lines of Python; those of a loop each time."""

    lines: int = 0


@contextmanager
def counted_lines() -> Iterator[LineCount]:
    """Counts the lines that this thread executes in the context, in what it calls from there."""
    count = LineCount()

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        count.lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)
