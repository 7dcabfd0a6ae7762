"""The progress of a run on a terminal: its lines scroll above a bar of its steps."""

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

from hostler.cli.run_events import event_lines, outcome

if TYPE_CHECKING:
    from types import TracebackType

    from hostler.v1.run_pb2 import RunEvent


class Progress:
    """Shows a run's events above a bar of its steps.

    Args:
        steps: how many there are; 0 where that is not known.
    """

    def __init__(self, steps: int) -> None:
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
        self._task = self._bar.add_task("queued", total=steps or None)
        #: Steps that are under way, in the order of their starts.
        self._running: dict[str, None] = {}

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

    def show(self, event: RunEvent) -> None:
        """Prints the event and moves the bar."""
        kind = event.WhichOneof("event")
        if kind == "step_started":
            self._running[event.step] = None
        elif kind in {"step_succeeded", "step_failed", "step_skipped"}:
            self._running.pop(event.step, None)
            self._bar.advance(self._task)
        self._bar.update(self._task, description=", ".join(self._running) or "running")
        if outcome(event) is not None:
            self._bar.stop()
        for line in event_lines(event):
            self._console.print(Text.from_ansi(line))

    def note(self, message: str) -> None:
        """Says something to the person, above the bar."""
        self._console.print(f"hostler: {message}", markup=False)
