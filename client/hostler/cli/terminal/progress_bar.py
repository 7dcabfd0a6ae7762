"""A progress bar on a terminal, above which lines scroll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType


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

    def advance(self) -> None:
        """Counts one more as done."""
        self._progress.advance(self._task)

    def describe(self, words: str) -> None:
        """Shows beside the bar what goes on now."""
        self._progress.update(self._task, description=words)

    def print_line(self, text: str) -> None:
        """Prints a line, which may have the colours of click, above the bar."""
        self._console.print(Text.from_ansi(text))

    def say(self, message: str) -> None:
        """Says something to the person, above the bar."""
        self._console.print(f"hostler: {message}", markup=False)
