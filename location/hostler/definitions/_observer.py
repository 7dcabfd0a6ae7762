"""Who is told what happens while a pipeline executes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions.ports import OutputDefinition


class Observer:
    """Is told what happens while a pipeline executes; the steps bear the names of the solids."""

    def step_started(self, step: str) -> None:
        """The function of a solid is about to be called."""

    def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
        """A solid has produced an output."""

    def log_message(self, step: str, level: str, message: str) -> None:
        """A solid has written to its log; the level is "DEBUG", "INFO", ..."""

    def step_retried(self, step: str, exception: BaseException, retry: int, delay: float) -> None:
        """A solid has failed and is executed again after `delay` seconds; the first retry is 1."""

    def step_skipped(self, step: str, reason: str) -> None:
        """A solid is not executed."""

    def step_failed(self, step: str, exception: BaseException) -> None:
        """A solid has raised, or has broken its own declaration."""

    def step_succeeded(self, step: str, seconds: float) -> None:
        """A solid has ended well."""
