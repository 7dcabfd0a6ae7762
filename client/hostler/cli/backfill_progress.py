"""The progress of a backfill on a terminal: what failed scrolls above a bar of the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from hostler.cli.backfill_display import ended_line
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from types import TracebackType


class Progress:
    """Shows a bar of the runs that have ended.

    Args:
        count: of runs.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._launched = 0
        self._console = Console(highlight=False, soft_wrap=True)
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("launching", total=count)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def launched(self, run: Run) -> None:  # noqa: ARG002 (the protocol's signature)
        """Counts a launch."""
        self._launched += 1
        waits = self._launched == self._count
        words = "running" if waits else f"launched {self._launched}"
        self._bar.update(self._task, description=words)

    def ended(self, run: Run) -> None:
        """Moves the bar, and prints the run if it did not succeed."""
        self._bar.advance(self._task)
        if run.state != Run.SUCCEEDED:
            self._console.print(Text.from_ansi(ended_line(run)))

    def note(self, message: str) -> None:
        """Says something to the person, above the bar."""
        self._console.print(f"hostler: {message}", markup=False)
