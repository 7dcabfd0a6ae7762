"""Executing a pipeline: one solid after the other, in the process of the caller."""

from __future__ import annotations

import time
from types import GeneratorType

from hostler.definitions.context import SolidContext
from hostler.definitions.errors import OutputError
from hostler.definitions.graph import OutputReference
from hostler.definitions.names import suggestion
from hostler.definitions.ports import Output
from hostler.definitions.preview import preview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Iterator, Mapping

    from hostler.definitions.context import PartitionSource
    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.definitions.ports import OutputDefinition
    from hostler.definitions.run_config import StepConfig
    from hostler.definitions.solids import SolidDefinition

_PACKAGE = __name__.rpartition(".")[0]


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


class Engine:
    """One execution of a pipeline.

    A solid that fails skips what depends on it, directly or not, and lets the rest go on. An
    optional output that is left out skips what hangs on it too; an input that takes a list takes
    those outputs that there are, and its solid is skipped where there is none.
    """

    def __init__(
        self,
        pipeline: PipelineDefinition,
        steps: Mapping[str, StepConfig],
        observer: Observer,
        *,
        run_id: str = "",
        tags: Mapping[str, str] | None = None,
        partition: PartitionSource = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._pipeline = pipeline
        self._steps = steps
        self._observer = observer
        self._run_id = run_id
        self._tags = {**pipeline.tags, **(tags or {})}
        self._partition = partition
        self._values: dict[OutputReference, Any] = {}
        #: Steps that failed, and those that were skipped on their account, with the reason.
        self._failed: dict[str, str] = {}
        self._skipped: set[str] = set()
        self._readers = _readers(pipeline)

    def execute(self) -> None:
        """Executes each solid once, or skips it.

        Raises:
            KeyboardInterrupt: somebody asks for the end.
        """
        for node in self._pipeline.nodes:
            try:
                inputs = self._inputs(node)
            except _SkipError as skip:
                self._skipped.add(node.name)
                if skip.after_failure:
                    self._failed[node.name] = f'solid "{node.name}" was skipped'
                self._observer.step_skipped(node.name, str(skip))
            else:
                self._execute_step(node, inputs)
            self._release(node)

    def _inputs(self, node: SolidNode) -> dict[str, Any]:
        inputs = dict(self._steps[node.name].inputs)
        for references in node.sources.values():
            failed = [one.solid for one in references if one.solid in self._failed]
            if failed:
                raise _SkipError(self._failed[failed[0]], after_failure=True)
        for name, references in node.sources.items():
            values = [self._values[one] for one in references if one in self._values]
            if not values:
                raise _SkipError(self._absence(references[0]))
            inputs[name] = values if name in node.fan_ins else values[0]
        return inputs

    def _absence(self, reference: OutputReference) -> str:
        if reference.solid in self._skipped:
            return f'solid "{reference.solid}" was skipped'
        return f'solid "{reference.solid}" left out its output "{reference.output}"'

    def _execute_step(self, node: SolidNode, inputs: dict[str, Any]) -> None:
        self._observer.step_started(node.name)
        start = time.perf_counter()
        policy = node.definition.retry_policy
        failure = self._call(node, inputs)
        for retry in range(1, policy.max_retries + 1):
            if failure is None:
                break
            delay = policy.delay_before(retry)
            self._observer.step_retried(node.name, failure, retry, delay)
            self._forget_outputs(node)
            self._sleep(delay)
            failure = self._call(node, inputs, retry)
        if failure is None:
            self._observer.step_succeeded(node.name, time.perf_counter() - start)
        else:
            self._failed[node.name] = f'solid "{node.name}" failed'
            self._observer.step_failed(node.name, failure)

    def _call(
        self, node: SolidNode, inputs: dict[str, Any], retry: int = 0
    ) -> BaseException | None:
        try:
            for output, value in self._outputs(node, inputs, retry):
                reference = OutputReference(node.name, output.name)
                if reference in self._readers:
                    self._values[reference] = value
                self._observer.step_output(node.name, output, value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (sys.exit in a solid must not end the run)
            return error.with_traceback(_user_traceback(error))
        return None

    def _forget_outputs(self, node: SolidNode) -> None:
        """Of an attempt that failed: the next one may leave out what this one produced."""
        for one in node.definition.outputs:
            self._values.pop(OutputReference(node.name, one.name), None)

    def _outputs(
        self, node: SolidNode, inputs: dict[str, Any], retry: int
    ) -> Iterator[tuple[OutputDefinition, Any]]:
        """The outputs of a solid as they are produced, each checked against its declaration."""
        definition = node.definition
        declared = {one.name: one for one in definition.outputs}
        produced = set()
        arguments = [self._context(node, retry)] if definition.takes_context else []
        result = definition.function(*arguments, **inputs)
        for one in _as_outputs(definition, result):
            if one.output_name not in declared:
                raise OutputError(
                    f'cannot take an output "{one.output_name}" from solid "{definition.name}": '
                    f"it declares none of that name; {suggestion(one.output_name, declared)}"
                )
            if one.output_name in produced:
                raise OutputError(
                    f'cannot take the output "{one.output_name}" from solid "{definition.name}" '
                    "twice; an output has one value"
                )
            produced.add(one.output_name)
            yield declared[one.output_name], one.value
        missing = [
            name for name, one in declared.items() if one.is_required and name not in produced
        ]
        if missing:
            listed = ", ".join(f'"{name}"' for name in missing)
            raise OutputError(
                f'cannot end solid "{definition.name}" without its output {listed}; '
                f'yield Output(value, "{missing[0]}"), or declare it with is_required=False'
            )

    def _context(self, node: SolidNode, retry: int) -> SolidContext:
        def log(level: str, message: str) -> None:
            self._observer.log_message(node.name, level, message)

        return SolidContext(
            config=self._steps[node.name].config,
            run_id=self._run_id,
            solid_name=node.name,
            pipeline_name=self._pipeline.name,
            tags=self._tags,
            retry_number=retry,
            partition=self._partition,
            log=log,
        )

    def _release(self, node: SolidNode) -> None:
        """Forgets the values that nobody is going to read: they may be big."""
        for reference in _read_by(node):
            self._readers[reference] -= 1
            if not self._readers[reference]:
                self._values.pop(reference, None)


class _SkipError(Exception):
    """A solid cannot execute; says why."""

    def __init__(self, reason: str, *, after_failure: bool = False) -> None:
        super().__init__(reason)
        self.after_failure = after_failure


def _as_outputs(definition: SolidDefinition[Any], result: Any) -> Iterator[Output]:
    """What a solid's function returned or yields, as outputs."""
    outputs = definition.outputs
    if definition.is_generator and isinstance(result, GeneratorType):
        yield from _yielded(definition, result)
    elif isinstance(result, Output):
        yield result
    elif (
        isinstance(result, (tuple, list))
        and result
        and all(isinstance(one, Output) for one in result)
    ):
        yield from result
    elif len(outputs) == 1:
        yield Output(result, outputs[0].name)
    elif isinstance(result, tuple) and len(result) == len(outputs):
        for declared, value in zip(outputs, result):
            yield Output(value, declared.name)
    elif result is not None:
        names = ", ".join(one.name for one in outputs) or "none"
        raise OutputError(
            f"cannot take {preview(result)} ({type(result).__name__}) from solid "
            f'"{definition.name}": it declares {len(outputs)} outputs ({names}); '
            "return or yield an Output(value, name) for each"
        )


def _yielded(definition: SolidDefinition[Any], generator: Any) -> Iterator[Output]:
    try:
        for one in generator:
            if not isinstance(one, Output):
                raise OutputError(
                    f"cannot take {preview(one)} ({type(one).__name__}) from solid "
                    f'"{definition.name}": a function that yields yields Output(value, name)'
                )
            yield one
    finally:
        generator.close()


def _read_by(node: SolidNode) -> set[OutputReference]:
    return {one for references in node.sources.values() for one in references}


def _readers(pipeline: PipelineDefinition) -> dict[OutputReference, int]:
    """How many solids read each output that is read at all."""
    readers: dict[OutputReference, int] = {}
    for node in pipeline.nodes:
        for reference in _read_by(node):
            readers[reference] = readers.get(reference, 0) + 1
    return readers


def _user_traceback(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame of the user's on.

    Where there is none, an OutputError needs no traceback, and anything else is a fault in here.
    """
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_globals.get("__package__") == _PACKAGE:
        inner = inner.tb_next
    return inner if inner or isinstance(error, OutputError) else error.__traceback__
