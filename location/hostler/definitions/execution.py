"""Execution of a pipeline in the caller's process: in a test of the user's, or in a notebook."""

from __future__ import annotations

import os

from hostler.definitions._engine import Engine, Observer
from hostler.definitions._names import suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._run_config import check_run_config, read_environment
from hostler.definitions._selection import select
from hostler.definitions.context import logging_sink
from hostler.definitions.errors import DefinitionError, UnknownNameError
from hostler.definitions.pipelines import PipelineDefinition
from hostler.definitions.ports import DEFAULT_OUTPUT
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Sequence

    from hostler.definitions.partitions import Partition
    from hostler.definitions.ports import OutputDefinition


class PipelineResult:
    """The result of an execution.

    Attributes:
        pipeline_name: the name of the pipeline.
        succeeded: the names of the solids that ended well, in the order of their execution.
        failed: the exception of each solid that failed, by name.
        skipped: why each solid was skipped that was, by name.
    """

    __slots__ = ("_outputs", "failed", "pipeline_name", "skipped", "succeeded")

    def __init__(self, pipeline_name: str) -> None:
        self.pipeline_name = pipeline_name
        self.succeeded: list[str] = []
        self.failed: dict[str, BaseException] = {}
        self.skipped: dict[str, str] = {}
        self._outputs: dict[str, dict[str, Any]] = {}

    @property
    def success(self) -> bool:
        """Returns whether no solid failed."""
        return not self.failed

    def output(self, solid: str, output: str = DEFAULT_OUTPUT) -> Any:
        """Returns the value of an output.

        Raises:
            UnknownNameError: the solid produced no such output, or did not execute.
        """
        produced = self._outputs.get(solid, {})
        if output not in produced:
            known = [f"{one}.{name}" for one, names in self._outputs.items() for name in names]
            wanted = f"{solid}.{output}"
            raise UnknownNameError(
                f"cannot find the output {wanted} of this execution of pipeline "
                f'"{self.pipeline_name}"; {suggestion(wanted, known)}'
            )
        return produced[output]

    def forget_outputs(self, solid: str) -> None:
        """Forgets what a solid has produced: it is executed again."""
        self._outputs.pop(solid, None)

    def record_output(self, solid: str, output: str, value: object) -> None:
        """Keeps the value of an output."""
        self._outputs.setdefault(solid, {})[output] = value


def execute_pipeline(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any] | None = None,
    *,
    solids: Sequence[str] | None = None,
    run_id: str = "",
    tags: Mapping[str, str] | None = None,
    partition: Partition | None = None,
    raise_on_error: bool = True,
) -> PipelineResult:
    """Executes a pipeline in this process.

    What solids log goes to Python's logging, as "hostler.SOLID".

    Args:
        pipeline: what to execute.
        run_config: {"solids": {name: {"config": {...}, "inputs": {name: value}}}}.
        solids: which solids to execute, as `hostler pipeline execute --solids` takes them:
            ["load", "*total"]; all if left out.
        run_id: what `context.run_id` gives.
        tags: what `context.tags` gives, with the pipeline's own.
        partition: what `context.partition` gives.
        raise_on_error: raise the exception of the first solid that fails; otherwise what does not
            depend on it goes on, and the result tells.

    Raises:
        ConfigError: the run config does not fit; nothing is executed.
        SelectionError: `solids` names none, or one that is not there.
        DefinitionError: this is no pipeline.
    """
    if not isinstance(pipeline, PipelineDefinition):
        raise DefinitionError(
            f"cannot execute {preview(pipeline)}: found {type_phrase(pipeline)}, expected a "
            "pipeline",
            calling_position(),
        )
    if solids is not None:
        pipeline = select(pipeline, solids)
    steps, _ = read_environment(pipeline, check_run_config(pipeline, run_config), os.environ)
    result = PipelineResult(pipeline.name)
    recorder = _Recorder(result, raise_on_error=raise_on_error)
    engine = Engine(pipeline, steps, recorder, run_id=run_id, tags=tags, partition=partition)
    engine.execute()
    return result


class _Recorder(Observer):
    def __init__(self, result: PipelineResult, *, raise_on_error: bool) -> None:
        self._result = result
        self._raise_on_error = raise_on_error

    def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
        self._result.record_output(step, output.name, value)

    def log_message(self, step: str, level: str, message: str) -> None:
        logging_sink(step)(level, message)

    def step_retried(
        self,
        step: str,
        exception: BaseException,  # noqa: ARG002 (the observer's signature)
        retry: int,  # noqa: ARG002
        delay: float,  # noqa: ARG002
    ) -> None:
        self._result.forget_outputs(step)

    def step_skipped(self, step: str, reason: str) -> None:
        self._result.skipped[step] = reason

    def step_failed(self, step: str, exception: BaseException) -> None:
        self._result.failed[step] = exception
        if self._raise_on_error:
            raise exception

    def step_succeeded(self, step: str, seconds: float) -> None:  # noqa: ARG002 (nobody asks here)
        self._result.succeeded.append(step)
