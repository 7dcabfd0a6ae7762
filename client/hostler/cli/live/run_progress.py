"""The progress of a run on a terminal: its events scroll above a bar of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.cli.terminal.progress_bar import ProgressBar
from hostler.cli.text.run_events import run_event_lines, run_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.v1.run_pb2 import RunEvent


class RunProgress(ProgressBar):
    """Shows a run's events above a bar of its steps.

    Args:
        steps: how many the run has; 0 where that is not known.
    """

    def __init__(self, steps: int) -> None:
        super().__init__("queued", steps or None)
        #: Steps that are under way, in the order of their starts.
        self._running: dict[str, None] = {}

    def show(self, events: Sequence[RunEvent]) -> None:
        """Prints the events and moves the bar."""
        for event in events:
            kind = event.WhichOneof("event")
            if kind == "step_started":
                self._running[event.step] = None
            elif kind in {"step_succeeded", "step_failed", "step_skipped"}:
                self._running.pop(event.step, None)
                self.advance()
        self.describe(", ".join(self._running) or "running")
        if run_outcome(events[-1]) is not None:
            self.stop()
        self.print_lines([line for event in events for line in run_event_lines(event)])
