"""A progress bar on a terminal, above which lines scroll."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType


#: Matches a line that needs no interpretation: reading the codes of a terminal takes Rich longer
#: than all else that happens to a printed line.
_PLAIN = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*").fullmatch


def _is_plain(line: str) -> bool:
    return _PLAIN(line) is not None


class _Plain:
    """Renders lines as they are."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield Segment(self._text + "\n")


class ProgressBar:
    """Shows how many of something are done, and what goes on.

    Args:
        words: what goes on at first.
        total: how many there are; None where that is not known.
    """

    def __init__(self, words: str, total: int | None) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task(words, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Removes the bar; lines may follow."""
        self._progress.stop()

    def pause(self) -> None:
        """Removes the bar until `resume`."""
        self._progress.stop()

    def resume(self) -> None:
        """Shows the bar again."""
        self._progress.start()

    def advance(self) -> None:
        """Counts one more as done."""
        self._progress.advance(self._task)

    def describe(self, words: str) -> None:
        """Shows beside the bar what goes on now."""
        self._progress.update(self._task, description=words)

    def print_line(self, text: str) -> None:
        """Prints a line, which may have the colours of click, above the bar."""
        self.print_lines([text])

    def print_lines(self, lines: Sequence[str]) -> None:
        """Prints lines, as `print_line` does, in one go."""
        parts: list[RenderableType] = []
        for is_plain, group in itertools.groupby(lines, _is_plain):
            text = "\n".join(group)
            parts.append(_Plain(text) if is_plain else Text.from_ansi(text))
        self._console.print(Group(*parts))

    def say(self, message: str) -> None:
        """Says something to the person, above the bar."""
        self._console.print(f"hostler: {message}", markup=False)
