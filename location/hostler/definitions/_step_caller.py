"""Calls of solids' functions: context and inputs go in, outputs or an exception come out."""

from __future__ import annotations

from types import GeneratorType

from hostler.definitions._names import suggestion
from hostler.definitions._pickled import unpickled
from hostler.definitions._preview import preview
from hostler.definitions._type_check import check_inputs, check_output
from hostler.definitions.context import SolidContext
from hostler.definitions.errors import OutputError, ResourceError, TransferError, TypeCheckError
from hostler.definitions.ports import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Iterator, Mapping

    from hostler.definitions._observer import Observer
    from hostler.definitions._resource_scope import ResourceScope
    from hostler.definitions._run_config import StepConfigs
    from hostler.definitions.context import LogSink, PartitionSource
    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.definitions.ports import OutputDefinition
    from hostler.definitions.solids import SolidDefinition

_PACKAGE = __name__.rpartition(".")[0]


class StepCaller:
    """Calls the functions of the solids of one execution.

    Args:
        pipeline: the pipeline that is executed.
        steps: what the run config says of each solid.
        run_id: of the run.
        tags: of the run; the pipeline's own come under them.
        partition: that the run is about.
    """

    def __init__(
        self,
        pipeline: PipelineDefinition,
        steps: StepConfigs,
        run_id: str = "",
        tags: Mapping[str, str] | None = None,
        partition: PartitionSource = None,
    ) -> None:
        self._partition = partition
        self._pipeline = pipeline
        self._steps = steps
        self._run_id = run_id
        self._tags = {**pipeline.tags, **(tags or {})}
        self._resources: ResourceScope | None = None
        if pipeline.resources:
            from hostler.definitions._resource_scope import ResourceScope

            self._resources = ResourceScope(pipeline, steps.resources, run_id, self._tags)

    def call(
        self, node: SolidNode, inputs: dict[str, Any], retry: int, observer: Observer
    ) -> BaseException | None:
        """Calls the function of a solid once; what it raised, None where it ended well.

        Args:
            node: the use of the solid.
            inputs: by name; pickled values are unpickled.
            retry: 0 for the first attempt.
            observer: is told what is logged, and the outputs as they are produced.

        Raises:
            KeyboardInterrupt: the run is cancelled.
        """
        if self._resources is None:
            return self._call(node, inputs, retry, observer, None)
        scope = self._resources.of_this_process()
        try:
            return self._call(node, inputs, retry, observer, scope)
        finally:
            if scope is not self._resources:  # of this step alone
                scope.close(_log(node.name, observer))

    def close(self, observer: Observer) -> None:
        """Has the resources that this process has made cleaned up; what fails there is logged.

        Raises:
            KeyboardInterrupt: the run is cancelled meanwhile.
        """
        if self._resources is not None:
            self._resources.close(_log("", observer))

    def _call(
        self,
        node: SolidNode,
        inputs: dict[str, Any],
        retry: int,
        observer: Observer,
        scope: ResourceScope | None,
    ) -> BaseException | None:
        try:
            context = self._context(node, retry, observer, scope)
            for output, value in _outputs(node.definition, unpickled(inputs), context):
                observer.step_output(node.name, output, value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (sys.exit in a solid must not end the run)
            return error.with_traceback(_user_traceback(error))
        return None

    def _context(
        self, node: SolidNode, retry: int, observer: Observer, scope: ResourceScope | None
    ) -> SolidContext:
        log = _log(node.name, observer)
        resources = None
        if scope is not None:
            resources = scope.obtain(node.definition.required_resources, log)
        return SolidContext(
            config=self._steps[node.name].config,
            run_id=self._run_id,
            solid_name=node.name,
            pipeline_name=self._pipeline.name,
            tags=self._tags,
            retry_number=retry,
            partition=self._partition,
            resources=resources,
            log=log,
        )


def _log(step: str, observer: Observer) -> LogSink:
    def log(level: str, message: str) -> None:
        observer.log_message(step, level, message)

    return log


def _outputs(
    definition: SolidDefinition[Any], inputs: dict[str, Any], context: SolidContext
) -> Iterator[tuple[OutputDefinition, Any]]:
    """Yields the outputs of a solid when it produces them, each checked against its declaration."""
    declared = {one.name: one for one in definition.outputs}
    produced = set()
    arguments = [context] if definition.takes_context else []
    if definition.type_check:
        check_inputs(definition, inputs)
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
        if definition.type_check:
            check_output(definition, declared[one.output_name], one.value)
        yield declared[one.output_name], one.value
    for name, output in declared.items():
        if output.is_nothing and output.is_required and name not in produced:
            produced.add(name)
            yield output, None
    missing = [name for name, one in declared.items() if one.is_required and name not in produced]
    if missing:
        listed = ", ".join(f'"{name}"' for name in missing)
        raise OutputError(
            f'cannot end solid "{definition.name}" without its output {listed}; '
            f'yield Output(value, "{missing[0]}"), or declare it with is_required=False'
        )


def _as_outputs(definition: SolidDefinition[Any], result: Any) -> Iterator[Output]:
    """Yields what a solid's function returned, or yields itself, as outputs."""
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


def _user_traceback(error: BaseException) -> TracebackType | None:
    """Returns the traceback, cut to begin at the first frame of the user's code.

    Where there is none, an error of the outputs' needs no traceback, and anything else is a fault
    in here.
    """
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_globals.get("__package__") == _PACKAGE:
        inner = inner.tb_next
    ours = isinstance(error, (OutputError, ResourceError, TransferError, TypeCheckError))
    return inner if inner or ours else error.__traceback__
