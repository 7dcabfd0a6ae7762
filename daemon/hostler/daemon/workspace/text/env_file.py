"""Env files: lines of NAME=value, as shells, systemd and containers read them.

Blank lines and lines that begin with `#` are ignored, and so is `export ` before a name. A value
in single quotes is taken as it is; in double quotes a backslash escapes; a bare one ends at ` #`.
Nothing is expanded. Values are secrets: no message about a line shows any text of it but the name.
`workspace.resolution` reads the files that an entry names, in their order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"\s*(?:export\s+)?(?P<name>[^\s=#]+)\s*=")
_QUOTED = {
    "'": re.compile(r"\s*'(?P<value>[^']*)'"),
    '"': re.compile(r'\s*"(?P<value>(?:[^"\\]|\\.)*)"'),
}
_COMMENT = re.compile(r"\s#.*")
#: What a message may show: a line that is no assignment may begin with a secret.
_SHOWN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class FaultyLine:
    """A line that cannot be read; line and column are counted from 1."""

    line: int
    column: int
    message: str


class _MalformedError(Exception):
    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message


class _UnclosedError(_MalformedError):
    """A quote is not closed on its line; the lines that follow may belong to the value."""

    def __init__(self, index: int, message: str, quote: str) -> None:
        super().__init__(index, message)
        self.quote = quote


def parse(text: str) -> tuple[dict[str, str], list[FaultyLine]]:
    """Returns the variables of an env file, where a later line wins, and the faulty lines."""
    variables: dict[str, str] = {}
    faulty_lines: list[FaultyLine] = []
    lines = text.split("\n")
    number = 0
    are_names_known = True
    while number < len(lines):
        content = lines[number].rstrip()
        number += 1
        if not content or content.lstrip().startswith("#"):
            continue
        try:
            name, value = _assignment(content, is_name_known=are_names_known)
        except _MalformedError as error:
            faulty_lines.append(FaultyLine(number, error.index + 1, error.message))
            if isinstance(error, _UnclosedError):
                # what looks like the name of a later line may be a part of this value
                are_names_known = False
                number = _end_of_value(lines, number, error.quote)
        else:
            variables[name] = value
    return variables, faulty_lines


def _end_of_value(lines: Sequence[str], start: int, quote: str) -> int:
    """Returns the index after the line that closes a quote; `start` if none does."""
    for index in range(start, len(lines)):
        if quote in lines[index]:
            return index + 1
    return start


def _assignment(line: str, *, is_name_known: bool) -> tuple[str, str]:
    if "\0" in line:
        raise _MalformedError(line.index("\0"), "cannot read the character U+0000; remove it")
    match = _NAME.match(line)
    if match is None:
        indent = len(line) - len(line.lstrip())
        raise _MalformedError(indent, "cannot read this line: expected NAME=value")
    name, end = match["name"], match.end()
    of_name = f" of {name}" if is_name_known and _SHOWN_NAME.fullmatch(name) else ""
    quote = line[end:].lstrip()[:1]
    if quote not in _QUOTED:
        return name, _COMMENT.sub("", line[end:]).strip()
    quoted = _QUOTED[quote].match(line, end)
    if quoted is None:
        message = f"cannot find the closing quote{of_name} on this line; add {quote}"
        raise _UnclosedError(line.index(quote, end), message, quote)
    if rest := _COMMENT.sub("", line[quoted.end() :]).strip():
        message = f"cannot read what follows the closing quote{of_name}; remove it"
        raise _MalformedError(line.index(rest, quoted.end()), message)
    value = quoted["value"]
    if quote == '"':
        value = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), value)
    return name, value
