"""Executing a pipeline: one solid after the other, in the process of the caller."""

from __future__ import annotations

from hostler.definitions import _clock as clock
from hostler.definitions._execution_state import ExecutionState, SkipError
from hostler.definitions._observer import Observer
from hostler.definitions._step_caller import StepCaller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping, Optional

    from hostler.definitions._run_config import StepConfigs
    from hostler.definitions.context import PartitionSource
    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.definitions.ports import OutputDefinition

    #: Calls the function of a solid as `StepCaller.call` does, where its timeout can be held.
    Call = Callable[["SolidNode", Dict[str, Any], int, "StepObserver"], Optional[BaseException]]

__all__ = ["Engine", "Observer"]


class Engine:
    """One execution of a pipeline; see `ExecutionState` for what a failure means for the rest.

    Args:
        pipeline: what to execute.
        steps: what the run config says of each solid.
        observer: is told what happens.
        run_id: of the run.
        tags: of the run.
        sleep: waits for a retry.
        call_timed: calls the solids that have a timeout; their timeouts are not held if left out.
    """

    def __init__(
        self,
        pipeline: PipelineDefinition,
        steps: StepConfigs,
        observer: Observer,
        *,
        run_id: str = "",
        tags: Mapping[str, str] | None = None,
        partition: PartitionSource = None,
        sleep: Callable[[float], None] = clock.sleep,
        call_timed: Call | None = None,
    ) -> None:
        self._sleep = sleep
        self._pipeline = pipeline
        self._observer = observer
        self._caller = StepCaller(pipeline, steps, run_id, tags, partition)
        self._call = self._caller.call
        self._call_timed = call_timed or self._call
        self._state = ExecutionState(pipeline, steps)

    def execute(self) -> None:
        """Executes each solid once, or skips it.

        Raises:
            KeyboardInterrupt: the run is cancelled.
        """
        try:
            self._execute_steps()
        finally:
            self._caller.close(self._observer)

    def _execute_steps(self) -> None:
        for node in self._pipeline.nodes:
            try:
                inputs = self._state.inputs(node)
            except SkipError as skip:
                self._state.mark_skipped(node, skip)
                self._observer.step_skipped(node.name, str(skip))
            else:
                self._execute_step(node, inputs)
            self._state.release_inputs(node)

    def _execute_step(self, node: SolidNode, inputs: dict[str, Any]) -> None:
        self._observer.step_started(node.name)
        start = clock.monotonic()
        policy = node.definition.retry_policy
        call = self._call if node.definition.timeout is None else self._call_timed
        observer = StepObserver(self._state, node, self._observer)
        failure = call(node, inputs, 0, observer)
        for retry in range(1, policy.max_retries + 1):
            if failure is None:
                break
            delay = policy.delay_before(retry)
            self._observer.step_retried(node.name, failure, retry, delay)
            self._state.forget_outputs(node)
            self._sleep(delay)
            failure = call(node, inputs, retry, observer)
        if failure is None:
            self._observer.step_succeeded(node.name, clock.monotonic() - start)
        else:
            self._state.mark_failed(node)
            self._observer.step_failed(node.name, failure)


class StepObserver(Observer):
    """Keeps the outputs of a step for those that take them, and tells the observer."""

    def __init__(self, state: ExecutionState, node: SolidNode, observer: Observer) -> None:
        self._state = state
        self._node = node
        self._observer = observer

    def is_read(self, output: str) -> bool:
        """Returns whether another solid takes an output."""
        return self._state.is_read(self._node, output)

    def log_message(self, step: str, level: str, message: str) -> None:
        self._observer.log_message(step, level, message)

    def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
        self._state.store_output(self._node, output.name, value)
        self._observer.step_output(step, output, value)
