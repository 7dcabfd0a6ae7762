"""The exceptions of definitions and of executions.

    Exception
    ├── DefinitionError         a definition is invalid; an edit mends it
    │   └── UnknownNameError    a name was asked for that is not there
    ├── ConfigError             the run config does not fit the pipeline; carries every problem
    ├── SelectionError          the selection of solids does not fit the pipeline
    ├── OutputError             a solid broke its own declaration while it executed
    ├── TypeCheckError          a value is not of the type that its input or output declares
    ├── ResourceError           a resource's function yielded none
    ├── TransferError           a value cannot go from the process of one step to that of another
    ├── StepTimeoutError        an attempt of a step took longer than its timeout
    └── StepDiedError           the process of a step ended before its function had

A message says what was found, what was expected and what to do; `source` says where.
"""

from __future__ import annotations

from hostler.definitions._value_object import ValueObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

    from hostler.definitions.source import SourcePosition


class DefinitionError(Exception):
    """Raised where a definition is invalid.

    Attributes:
        message: what was found, what was expected, what to do.
        source: where the definition stands in the user's code, if that is known.
    """

    def __init__(self, message: str, source: SourcePosition | None = None) -> None:
        super().__init__(message, source)
        self.message = message
        self.source = source

    def __str__(self) -> str:
        return self.message if self.source is None else f"{self.message} ({self.source})"


class UnknownNameError(DefinitionError):
    """Raised for an unknown name; the message suggests similar ones."""


class ConfigProblem(ValueObject):
    """One problem of a run config."""

    __slots__ = ("message", "path")

    def __init__(self, path: str, message: str) -> None:
        #: Where in the config, as "solids.load.config.limit".
        self.path = path
        #: What was found and what was expected.
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(Exception):
    """Raised where a run config does not fit the pipeline.

    Attributes:
        pipeline: the name of the pipeline.
        problems: everything that is wrong, in the order of the config.
    """

    def __init__(self, pipeline: str, problems: Iterable[ConfigProblem]) -> None:
        self.pipeline = pipeline
        self.problems: Sequence[ConfigProblem] = tuple(problems)
        super().__init__(pipeline, self.problems)

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f'cannot execute pipeline "{self.pipeline}" with this run config:{lines}'


class SelectionError(Exception):
    """Raised where a selection of solids does not fit the pipeline.

    Attributes:
        pipeline: the name of the pipeline.
        problems: everything that is wrong, in the order of the selection.
    """

    def __init__(self, pipeline: str, problems: Iterable[str]) -> None:
        self.pipeline = pipeline
        self.problems: Sequence[str] = tuple(problems)
        super().__init__(pipeline, self.problems)

    def __str__(self) -> str:
        lines = [f"  {problem}" for problem in self.problems]
        return "\n".join([f'cannot select these solids of pipeline "{self.pipeline}":', *lines])


class OutputError(Exception):
    """Raised where a solid yields an undeclared output, or leaves out a required one."""


class TypeCheckError(Exception):
    """Raised where a value is not of the declared type of an input or output; the step fails."""


class ResourceError(Exception):
    """Raised where the function of a resource yields none; the step that needs it fails."""


class TransferError(Exception):
    """Raised where a value cannot be pickled or unpickled between two steps; the step fails."""


class StepTimeoutError(Exception):
    """Says that an attempt of a step took longer than its timeout; its process was killed."""


class StepDiedError(Exception):
    """Says that the process of a step ended before its function returned: a signal, or os._exit."""
