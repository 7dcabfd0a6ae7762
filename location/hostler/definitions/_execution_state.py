"""How far an execution has come: how steps ended, and the values that are still to be read.

No clock, no process, no call of the user's code: those who execute ask here what is next.
"""

from __future__ import annotations

from hostler.definitions.graph import OutputReference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from hostler.definitions._run_config import StepConfig
    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition


class SkipError(Exception):
    """A solid cannot execute; says why."""

    def __init__(self, reason: str, *, after_failure: bool = False) -> None:
        super().__init__(reason)
        self.after_failure = after_failure


class ExecutionState:
    """The state of one execution.

    A solid that fails skips what depends on it, directly or not, and lets the rest go on. An
    optional output that is left out skips what hangs on it too; an input that takes a list takes
    those outputs that there are, and its solid is skipped where there is none.
    """

    def __init__(self, pipeline: PipelineDefinition, steps: Mapping[str, StepConfig]) -> None:
        self._steps = steps
        self._values: dict[OutputReference, Any] = {}
        #: Steps that failed, and those that were skipped on their account, with the reason.
        self._failed: dict[str, str] = {}
        self._skipped: set[str] = set()
        self._readers = _readers(pipeline)

    def inputs(self, node: SolidNode) -> dict[str, Any]:
        """What a step takes, all of whose sources have ended.

        Raises:
            SkipError: it is not to be executed; `mark_skipped` is to be told.
        """
        inputs = dict(self._steps[node.name].inputs)
        for references in node.sources.values():
            failed = [one.solid for one in references if one.solid in self._failed]
            if failed:
                raise SkipError(self._failed[failed[0]], after_failure=True)
        for name, references in node.sources.items():
            values = [self._values[one] for one in references if one in self._values]
            if not values:
                raise SkipError(self._absence(references[0]))
            inputs[name] = values if name in node.fan_ins else values[0]
        return inputs

    def is_read(self, node: SolidNode, output: str) -> bool:
        """Whether another solid takes an output."""
        return OutputReference(node.name, output) in self._readers

    def store_output(self, node: SolidNode, output: str, value: object) -> None:
        """A step has produced an output."""
        reference = OutputReference(node.name, output)
        if reference in self._readers:
            self._values[reference] = value

    def forget_outputs(self, node: SolidNode) -> None:
        """Of an attempt that failed: the next one may leave out what this one produced."""
        for one in node.definition.outputs:
            self._values.pop(OutputReference(node.name, one.name), None)

    def mark_skipped(self, node: SolidNode, error: SkipError) -> None:
        """A step is not executed."""
        self._skipped.add(node.name)
        if error.after_failure:
            self._failed[node.name] = f'solid "{node.name}" was skipped'

    def mark_failed(self, node: SolidNode) -> None:
        """A step has failed for good."""
        self._failed[node.name] = f'solid "{node.name}" failed'

    def release_inputs(self, node: SolidNode) -> None:
        """A step has ended: forgets the values that nobody is going to read, they may be big."""
        for reference in _read_by(node):
            self._readers[reference] -= 1
            if not self._readers[reference]:
                self._values.pop(reference, None)

    def _absence(self, reference: OutputReference) -> str:
        if reference.solid in self._skipped:
            return f'solid "{reference.solid}" was skipped'
        return f'solid "{reference.solid}" left out its output "{reference.output}"'


def _read_by(node: SolidNode) -> set[OutputReference]:
    return {one for references in node.sources.values() for one in references}


def _readers(pipeline: PipelineDefinition) -> dict[OutputReference, int]:
    """How many solids read each output that is read at all."""
    readers: dict[OutputReference, int] = {}
    for node in pipeline.nodes:
        for reference in _read_by(node):
            readers[reference] = readers.get(reference, 0) + 1
    return readers
