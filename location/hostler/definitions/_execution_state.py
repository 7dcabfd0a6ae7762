"""The state of an execution: how its steps ended, and the values that other steps still read.

It has no clock, starts no process and calls no code of the user's: the engines ask it for inputs
and tell it how each step ended.
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
    """Raised where a solid cannot execute; the message says why."""

    def __init__(self, reason: str, *, after_failure: bool = False) -> None:
        super().__init__(reason)
        self.after_failure = after_failure


class ExecutionState:
    """Knows which steps of one execution failed or were skipped, and keeps their outputs.

    Where a solid fails, the solids that depend on it, directly or not, are skipped, and the others
    are executed. Where a solid leaves out an optional output, the solids that take it are skipped,
    too. An input that takes a list gets the outputs that were produced; its solid is skipped where
    none was.
    """

    def __init__(self, pipeline: PipelineDefinition, steps: Mapping[str, StepConfig]) -> None:
        self._steps = steps
        self._values: dict[OutputReference, Any] = {}
        #: Steps that failed, and those that were skipped on their account, with the reason.
        self._failed: dict[str, str] = {}
        self._skipped: set[str] = set()
        self._readers = _readers(pipeline)

    def inputs(self, node: SolidNode) -> dict[str, Any]:
        """Returns the inputs of a step whose sources have all ended.

        Raises:
            SkipError: the step cannot execute; the caller then calls `mark_skipped`.
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
            if name not in node.definition.order_inputs:
                inputs[name] = values if name in node.fan_ins else values[0]
        return inputs

    def is_read(self, node: SolidNode, output: str) -> bool:
        """Returns whether another solid takes an output."""
        return OutputReference(node.name, output) in self._readers

    def store_output(self, node: SolidNode, output: str, value: object) -> None:
        """Keeps the value of an output for the solids that take it."""
        reference = OutputReference(node.name, output)
        if reference in self._readers:
            self._values[reference] = value

    def forget_outputs(self, node: SolidNode) -> None:
        """Drops the outputs of an attempt that failed: the next attempt may leave some out."""
        for one in node.definition.outputs:
            self._values.pop(OutputReference(node.name, one.name), None)

    def mark_skipped(self, node: SolidNode, error: SkipError) -> None:
        """Records that a step is not executed."""
        self._skipped.add(node.name)
        if error.after_failure:
            self._failed[node.name] = f'solid "{node.name}" was skipped'

    def mark_failed(self, node: SolidNode) -> None:
        """Records that a step has failed and is not retried."""
        self._failed[node.name] = f'solid "{node.name}" failed'

    def release_inputs(self, node: SolidNode) -> None:
        """Drops the values that no other step will read, once a step has ended: they may be big."""
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
    """Returns how many solids read each output that is read at all."""
    readers: dict[OutputReference, int] = {}
    for node in pipeline.nodes:
        for reference in _read_by(node):
            readers[reference] = readers.get(reference, 0) + 1
    return readers
