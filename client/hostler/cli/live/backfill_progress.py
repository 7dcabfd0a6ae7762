"""The progress of a backfill on a terminal: runs that failed scroll above a bar."""

from __future__ import annotations

from hostler.cli.terminal.progress_bar import ProgressBar
from hostler.cli.text.backfills import backfill_run_line
from hostler.v1.run_pb2 import Run


class BackfillProgress(ProgressBar):
    """Shows a bar of the runs that have ended.

    Args:
        count: of runs.
    """

    def __init__(self, count: int) -> None:
        super().__init__("launching", count)
        self._count = count
        self._launched = 0

    def launched(self, run: Run) -> None:  # noqa: ARG002 (the protocol's signature)
        """Counts a run that was launched."""
        self._launched += 1
        waits = self._launched == self._count
        self.describe("running" if waits else f"launched {self._launched}")

    def ended(self, run: Run) -> None:
        """Moves the bar, and prints the run if it did not succeed."""
        self.advance()
        if run.state != Run.SUCCEEDED:
            self.print_line(backfill_run_line(run))
