"""Reads a file into the nodes of its YAML; what is wrong becomes a Problem."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.composer import ComposerError
from yaml.reader import ReaderError

from hostler.daemon.workspace.text.models import Position
from hostler.daemon.workspace.text.problems import Problem, quote_short

#: A workspace of a thousand locations takes a tenth; more is another file named by mistake.
MAX_SIZE = 2**20

# What the grammar needs is 8; PyYAML's composer recurses for each level.
_MAX_DEPTH = 50

#: What PyYAML quotes beside single characters. It may be a password that begins with `*` or `&`.
_QUOTED_NAME = re.compile(r"\b(tag handle|alias|anchor) ('.*'|\".*\")")

_TAB_IN_INDENT = re.compile(r" *\t")


class UnreadableError(Exception):
    """A file's text cannot be read; the message says why, with a line where it has one."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A workspace file.

    Attributes:
        display_name: as the caller named it, for messages.
        path: absolute.
    """

    display_name: str
    path: str

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        return cls(str(path), str(Path(os.path.abspath(path))))  # noqa: PTH100 - keeps symlinks

    @property
    def folder(self) -> str:
        return str(Path(self.path).parent)

    def position(self, mark: yaml.Mark) -> Position:
        return Position(self.path, mark.line + 1, mark.column + 1)

    def problem(self, position: Position, message: str) -> Problem:
        return Problem(self.display_name, position.line, position.column, message)

    def place(self, position: Position) -> str:
        """Returns the position as messages have it."""
        return f"{self.display_name}:{position.line}:{position.column}"


def read_text(path: str) -> str:
    """Returns the text of a regular UTF-8 file of at most MAX_SIZE bytes.

    Raises:
        UnreadableError: with the reason.
    """
    try:
        # A FIFO would otherwise hold up the daemon until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", closefd=True) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableError("cannot read the file: it is no regular file")
            content = file.read(MAX_SIZE + 1)
    except IsADirectoryError:
        raise UnreadableError("cannot read the file: it is a folder; name a file in it") from None
    except FileNotFoundError:
        raise UnreadableError("cannot find the file; create it, or name another") from None
    except PermissionError:
        raise UnreadableError(
            f"cannot read the file: permission denied to user {os.geteuid()}"
        ) from None
    except (OSError, ValueError) as error:
        raise UnreadableError(f"cannot read the file: {error}") from None
    if len(content) > MAX_SIZE:
        raise UnreadableError(f"cannot read the file: it is larger than {MAX_SIZE:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(errors="replace")
        raise UnreadableError(
            f"cannot read the byte 0x{error.object[error.start]:02x}: the file is not UTF-8; "
            "save it as UTF-8",
            before.count("\n") + 1,
            len(before) - before.rfind("\n"),
        ) from None


def compose(text: str, source: SourceFile) -> tuple[yaml.Node | None, list[Problem]]:
    """Returns the root node of a YAML document, None for an empty one, and its problems.

    The nodes are free of cycles where there is no problem.
    """
    problems: list[Problem] = []
    try:
        composer = _Composer(text, source, problems)
    except ReaderError as error:
        return None, [_character_problem(text, error, source)]
    try:
        return composer.get_single_node(), problems
    except yaml.MarkedYAMLError as error:
        return None, [*problems, _syntax_problem(text, error, source)]
    except (ValueError, OverflowError) as error:
        # PyYAML lets an escape such as "\UFFFFFFFF" or a version of 5,000 digits through to int().
        position = source.position(composer.get_mark())
        return None, [*problems, source.problem(position, f"cannot read this as YAML: {error}")]


class _Composer(yaml.SafeLoader):
    """Composes nodes, and refuses what the grammar has no use for: tags, cycles, great depth."""

    def __init__(self, text: str, source: SourceFile, problems: list[Problem]) -> None:
        self._problems = problems
        self._source = source
        self._open: list[yaml.Node | None] = []
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it open
        mark = event.start_mark
        if len(self._open) > _MAX_DEPTH:
            raise ComposerError(
                None, None, f"the values are nested deeper than {_MAX_DEPTH} levels", mark
            )
        if getattr(event, "tag", None) is not None:
            # the text itself is not shown: it may be a password that begins with `!`
            self._refuse(
                mark,
                "cannot use a tag: tags have no use; put a text that begins with `!` in quotes",
            )
        self._open.append(parent)
        node = super().compose_node(parent, index)
        if any(node is ancestor for ancestor in self._open):
            self._refuse(
                mark,
                f"cannot use the alias {quote_short('*' + event.anchor)} within its own anchor: "
                "it would never end",
            )
        self._open.pop()
        return node

    def _refuse(self, mark: yaml.Mark, message: str) -> None:
        self._problems.append(self._source.problem(self._source.position(mark), message))


def _character_problem(text: str, error: ReaderError, source: SourceFile) -> Problem:
    before = text[: error.position]
    return Problem(
        source.display_name,
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
        f"cannot read the character U+{ord(text[error.position]):04X}: YAML has no place for it; "
        "remove it, or write it as an escape in double quotes",
    )


def _syntax_problem(text: str, error: yaml.MarkedYAMLError, source: SourceFile) -> Problem:
    mark = error.problem_mark or error.context_mark
    assert mark is not None
    position = source.position(mark)
    start = mark.index - mark.column
    if tab := _TAB_IN_INDENT.match(text, start):
        column = tab.end() - start
        return Problem(
            source.display_name,
            position.line,
            column,
            "cannot read a tab as indentation: YAML indents with spaces; replace the tab",
        )
    problem, context = (
        _QUOTED_NAME.sub(r"\1", text or "") for text in (error.problem, error.context)
    )
    message = f"cannot read this as YAML: {problem}"
    if problem.endswith("undefined alias"):
        message += "; put a text that begins with `*` in quotes"
    if context and error.context_mark and error.context_mark.line != mark.line:
        message += f" ({context} of line {error.context_mark.line + 1})"
    elif context:
        message += f" ({context})"
    return source.problem(position, message)
