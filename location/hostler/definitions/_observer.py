"""The observer of an execution: is told of each event of a pipeline's steps."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions.ports import OutputDefinition


class Observer:
    """Is told what happens while a pipeline executes; steps have the names of their solids."""

    def step_started(self, step: str) -> None:
        """Is told that the function of a solid is about to be called."""

    def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
        """Is told that a solid has produced an output."""

    def log_message(self, step: str, level: str, message: str) -> None:
        """Is told of a line in a solid's log; the level is "DEBUG", "INFO", ..."""

    def step_retried(self, step: str, exception: BaseException, retry: int, delay: float) -> None:
        """Is told that a failed solid is retried in `delay` seconds; the first retry is 1."""

    def step_skipped(self, step: str, reason: str) -> None:
        """Is told that a solid is not executed, and why."""

    def step_failed(self, step: str, exception: BaseException) -> None:
        """Is told that a solid has raised, or has broken its own declaration."""

    def step_succeeded(self, step: str, seconds: float) -> None:
        """Is told that a solid has succeeded."""
