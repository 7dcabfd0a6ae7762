"""Env files: lines of NAME=value, as shells, systemd and containers read them.

Blank lines and lines that begin with `#` are ignored, and so is `export ` before a name. A value
in single quotes is taken as it is; in double quotes a backslash escapes; a bare one ends at ` #`.
Nothing is expanded. `workspace.resolution` reads the files that an entry names, in their order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostler.daemon.workspace.text.problems import quote_short

_NAME = re.compile(r"\s*(?:export\s+)?(?P<name>[^\s=#]+)\s*=")
_QUOTED = {
    "'": re.compile(r"\s*'(?P<value>[^']*)'"),
    '"': re.compile(r'\s*"(?P<value>(?:[^"\\]|\\.)*)"'),
}
_COMMENT = re.compile(r"\s#.*")
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


def parse(text: str) -> tuple[dict[str, str], list[FaultyLine]]:
    """Returns the variables of an env file, where a later line wins, and the faulty lines."""
    variables: dict[str, str] = {}
    faulty_lines: list[FaultyLine] = []
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.rstrip()
        if not content or content.lstrip().startswith("#"):
            continue
        try:
            name, value = _assignment(content)
        except _MalformedError as error:
            faulty_lines.append(FaultyLine(number, error.index + 1, error.message))
        else:
            variables[name] = value
    return variables, faulty_lines


def _assignment(line: str) -> tuple[str, str]:
    if "\0" in line:
        raise _MalformedError(line.index("\0"), "cannot read the character U+0000; remove it")
    match = _NAME.match(line)
    if match is None:
        indent = len(line) - len(line.lstrip())
        raise _MalformedError(
            indent, f"cannot read {quote_short(line.strip())}: expected NAME=value"
        )
    name, end = match["name"], match.end()
    quote = line[end:].lstrip()[:1]
    if quote not in _QUOTED:
        return name, _COMMENT.sub("", line[end:]).strip()
    quoted = _QUOTED[quote].match(line, end)
    if quoted is None:
        start = line.index(quote, end)
        raise _MalformedError(start, f"cannot find the closing quote of {name}; add {quote}")
    if rest := _COMMENT.sub("", line[quoted.end() :]).strip():
        message = f"cannot read {quote_short(rest)} after the closing quote of {name}; remove it"
        raise _MalformedError(line.index(rest, quoted.end()), message)
    value = quoted["value"]
    if quote == '"':
        value = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), value)
    return name, value
