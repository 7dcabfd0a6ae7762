"""What is wrong with workspace files.

Exception
└─ WorkspaceError    the files cannot be used; carries every Problem at once
"""

from __future__ import annotations

import json
from dataclasses import dataclass

_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        file: a workspace file as the caller named it, or an env file's absolute path.
        line: counted from 1; 0 where the problem has no place, as for a missing file.
        column: in characters, counted from 1; 0 where the problem has no place.
        message: one line: what was found, what was expected, what to do.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{place}: {self.message}"


class WorkspaceError(Exception):
    """The workspace files cannot be used.

    Attributes:
        problems: all that is wrong, over all files; never empty.
        inputs: every file whose change may solve a problem, absolute, missing ones too.
    """

    def __init__(self, problems: tuple[Problem, ...], inputs: tuple[str, ...]) -> None:
        super().__init__(problems, inputs)
        self.problems = problems
        self.inputs = inputs

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def quote_short(text: str) -> str:
    """Returns text of a user's file for a message: short, and on one line whatever it holds."""
    if len(text) > _SHOWN_LENGTH:
        text = text[: _SHOWN_LENGTH - 3] + "..."
    return f"`{text}`" if text.isprintable() else json.dumps(text)
