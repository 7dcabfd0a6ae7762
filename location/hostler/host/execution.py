"""Executing a pipeline, told as the events of hostler.v1.RunEvent."""

from __future__ import annotations

from hostler.host.describe import duration
from hostler.host.errors import exception_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping, Optional

    from hostler.definitions import OutputDefinition, PipelineDefinition
    from hostler.definitions.context import PartitionSource
    from hostler.definitions.engine import Observer

    #: Receives an event: the snake_case name of its field in RunEvent, the step, and the event in
    #: protobuf's canonical JSON.
    Emit = Callable[[str, Optional[str], Dict[str, Any]], None]


class ExecutionResult:
    """How an execution ended."""

    __slots__ = ("exception", "failed_step")

    def __init__(self) -> None:
        #: The first step that failed.
        self.failed_step: str | None = None
        #: What it raised: {"type", "message", "traceback"}.
        self.exception: dict[str, str] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether no step failed."""
        return self.failed_step is None


def execute(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any] | None,
    run_id: str,
    emit: Emit,
    tags: Mapping[str, str] | None = None,
    partition: PartitionSource = None,
) -> ExecutionResult:
    """Executes each solid of the pipeline once, in topological order, in this process.

    The events of the steps are emitted; those of the run itself are the daemon's affair.

    Raises:
        ConfigError: the run config does not fit; nothing has been emitted.
        KeyboardInterrupt: in the user's code or in `emit`; nothing is emitted for it.
    """
    from hostler.definitions.engine import Engine
    from hostler.definitions.run_config import check_run_config

    steps = check_run_config(pipeline, run_config)
    result = ExecutionResult()
    emitter = _emitter(emit, result)
    Engine(pipeline, steps, emitter, run_id=run_id, tags=tags, partition=partition).execute()
    return result


def _emitter(emit: Emit, result: ExecutionResult) -> Observer:
    from hostler.definitions.engine import Observer
    from hostler.definitions.preview import preview

    class Emitter(Observer):
        def step_started(self, step: str) -> None:
            emit("step_started", step, {})

        def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
            event = {"output": output.name, "type": output.type_name, "preview": preview(value)}
            emit("step_output", step, event)

        def log_message(self, step: str, level: str, message: str) -> None:
            emit("log_message", step, {"level": level, "message": message})

        def step_retried(
            self, step: str, exception: BaseException, retry: int, delay: float
        ) -> None:
            info = exception_info(exception)
            event = {"retry": retry, "delay": duration(delay), "exception": info}
            emit("step_retried", step, event)

        def step_skipped(self, step: str, reason: str) -> None:
            emit("step_skipped", step, {"reason": reason})

        def step_failed(self, step: str, exception: BaseException) -> None:
            info = exception_info(exception)
            if result.failed_step is None:
                result.failed_step = step
                result.exception = info
            emit("step_failed", step, {"exception": info})

        def step_succeeded(self, step: str, seconds: float) -> None:
            emit("step_succeeded", step, {"duration": duration(seconds)})

    return Emitter()
