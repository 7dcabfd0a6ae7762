"""Execution of a pipeline in a run's process; emits the events of hostler.v1.RunEvent."""

from __future__ import annotations

import os

from hostler.host import breakpoints, interpreter
from hostler.host.cancellation import Cancellation
from hostler.host.describe import duration
from hostler.host.errors import exception_info
from hostler.host.step_parent import StepParent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping, Optional, Sequence

    from hostler.definitions import OutputDefinition, PipelineDefinition
    from hostler.definitions._engine import Call
    from hostler.definitions._observer import Observer
    from hostler.definitions._run_config import StepConfigs
    from hostler.definitions._step_caller import StepCaller
    from hostler.definitions.context import PartitionSource
    from hostler.host.masking import Mask
    from hostler.host.steps import StepProcesses

    #: Receives an event: the snake_case name of its field in RunEvent, the step, and the event in
    #: protobuf's canonical JSON.
    Emit = Callable[[str, Optional[str], Dict[str, Any]], None]


class ExecutionResult:
    """The result of an execution."""

    __slots__ = ("exception", "failed_step")

    def __init__(self) -> None:
        #: The first step that failed.
        self.failed_step: str | None = None
        #: What it raised, as `exception_info` describes it.
        self.exception: dict[str, Any] | None = None

    @property
    def succeeded(self) -> bool:
        """Returns whether no step failed."""
        return self.failed_step is None


def execute(  # noqa: PLR0913 (what a run can be launched with)
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any] | None,
    run_id: str,
    emit: Emit,
    tags: Mapping[str, str] | None = None,
    *,
    solids: Sequence[str] = (),
    max_concurrency: int = 0,
    parent: StepParent | None = None,
    partition: PartitionSource = None,
    is_in_editor: bool = False,
) -> ExecutionResult:
    """Executes each solid of the pipeline once, in topological order.

    Emits the events of the steps; the daemon adds those of the run itself.

    Args:
        pipeline: what to execute.
        run_config, run_id, tags, partition: of the run.
        emit: receives the events.
        solids: which solids to execute; all where none is named.
        max_concurrency: so many steps at a time, each in a process of its own; 0 for one after the
            other in this process, except those that have a timeout. So it is, too, where steps may
            not be forked.
        parent: this process, as the parent of steps.
        is_in_editor: whether an editor debugs this process: all steps execute in it.

    Raises:
        SelectionError: `solids` names an unknown solid; nothing has been emitted.
        ConfigError: the run config does not fit; nothing has been emitted.
        KeyboardInterrupt: in the user's code or in `emit`; nothing is emitted for it.
    """
    from hostler.definitions._engine import Engine
    from hostler.definitions._step_caller import StepCaller

    pipeline = _selected(pipeline, solids)
    steps, mask = _configured(pipeline, run_config)
    emit = mask.emitter(emit) if mask else emit
    result = ExecutionResult()
    observer = _emitter(emit, result, mask)
    caller = StepCaller(pipeline, steps, run_id, tags, partition)
    parent = parent or StepParent(Cancellation())
    if max_concurrency and not is_in_editor and parent.may_fork():
        from hostler.definitions._execution_state import ExecutionState
        from hostler.host.concurrency import ConcurrentEngine

        state = ExecutionState(pipeline, steps)
        processes = _step_processes(parent, emit)
        ConcurrentEngine(pipeline, caller, state, observer, processes, max_concurrency).execute()
        return result
    call_timed = None if is_in_editor else _timed_call(pipeline, caller, parent, emit)
    of_run: dict[str, Any] = {"run_id": run_id, "tags": tags, "partition": partition}
    Engine(pipeline, steps, observer, **of_run, call_timed=call_timed).execute()
    return result


def _selected(pipeline: PipelineDefinition, solids: Sequence[str]) -> PipelineDefinition:
    if not solids:
        return pipeline
    from hostler.definitions._selection import select

    return select(pipeline, solids)


def _configured(
    pipeline: PipelineDefinition, run_config: Mapping[str, Any] | None
) -> tuple[StepConfigs, Mask | None]:
    """Returns the checked run config, and a mask of what it takes from the environment, if it does.

    Raises:
        ConfigError: it does not fit.
    """
    from hostler.definitions._run_config import check_run_config, read_environment

    steps, values = read_environment(pipeline, check_run_config(pipeline, run_config), os.environ)
    if not values:
        return steps, None
    from hostler.host.masking import Mask

    mask = Mask(values)
    mask.cover_output()
    return steps, mask


def _timed_call(
    pipeline: PipelineDefinition, caller: StepCaller, parent: StepParent, emit: Emit
) -> Call | None:
    """Returns what calls the solids that have a timeout; None where no solid has one."""
    if all(node.definition.timeout is None for node in pipeline.nodes):
        return None
    from hostler.host.timed_calls import TimedCalls

    return TimedCalls(_step_processes(parent, emit), caller).call


def _step_processes(parent: StepParent, emit: Emit) -> StepProcesses:
    from hostler.host.steps import StepProcesses

    def on_lines(step: str, stream: str, texts: list[str]) -> None:
        emit("printed_line", step, {"stream": stream, "text": texts[0], "more": texts[1:]})

    def on_debugger(step: str, event: str, data: dict[str, Any]) -> None:
        emit(event, step, data)

    return StepProcesses(parent, on_lines, on_debugger)


def _log(emit: Emit, pid: int, step: str, level: str, message: str) -> None:
    """Emits what a step logs; a child that the solid has forked prints it."""
    if os.getpid() == pid:
        emit("log_message", step, {"level": level, "message": message})
    else:
        interpreter.print_of_stray(level, message)


def _end_if_stray(pid: int, exception: BaseException) -> None:
    """Ends this process where it is a child that the solid has forked: it speaks for itself."""
    if os.getpid() != pid:
        interpreter.end_stray(exception)


def _emitter(emit: Emit, result: ExecutionResult, mask: Mask | None) -> Observer:
    from hostler.definitions._observer import Observer
    from hostler.definitions._preview import preview

    pid = os.getpid()

    class Emitter(Observer):
        def step_started(self, step: str) -> None:
            emit("step_started", step, {})

        def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
            if os.getpid() != pid:  # a child that the solid has forked does not speak for the run
                return
            event = {"output": output.name, "type": output.type_name, "preview": preview(value)}
            emit("step_output", step, event)

        def log_message(self, step: str, level: str, message: str) -> None:
            _log(emit, pid, step, level, message)

        def step_retried(
            self, step: str, exception: BaseException, retry: int, delay: float
        ) -> None:
            _end_if_stray(pid, exception)
            info = exception_info(exception)
            event = {"retry": retry, "delay": duration(delay), "exception": info}
            emit("step_retried", step, event)

        def step_skipped(self, step: str, reason: str) -> None:
            emit("step_skipped", step, {"reason": reason})

        def step_failed(self, step: str, exception: BaseException) -> None:
            _end_if_stray(pid, exception)
            breakpoints.after_failure(exception)
            info = exception_info(exception)
            if result.failed_step is None:
                result.failed_step = step
                result.exception = mask.data(info) if mask else info
            emit("step_failed", step, {"exception": info})

        def step_succeeded(self, step: str, seconds: float) -> None:
            emit("step_succeeded", step, {"duration": duration(seconds)})

    return Emitter()
