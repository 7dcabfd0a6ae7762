"""Solids: functions with declared inputs, outputs and config. Pipelines are made of them."""

from __future__ import annotations

from contextvars import ContextVar

from hostler.definitions._names import (
    check_arguments,
    check_flag,
    check_name,
    check_names,
    check_tags,
    check_text,
)
from hostler.definitions._schemas import schema_type
from hostler.definitions._signatures import check_function, signature_of
from hostler.definitions._timeouts import check_timeout
from hostler.definitions.config import MappingType
from hostler.definitions.context import SolidContext
from hostler.definitions.errors import DefinitionError
from hostler.definitions.ports import (
    CONTEXT_NAMES,
    Output,
    order_alone,
    resolve_inputs,
    resolve_outputs,
    takes_context,
)
from hostler.definitions.retries import check_retry_policy
from hostler.definitions.source import (
    MISSING,
    calling_position,
    documentation_of,
    position_of,
)

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from hostler.definitions._typing import Generic, TypeVar, cast, overload
else:
    from typing import (
        Any,
        Callable,
        Generic,
        Iterable,
        Mapping,
        Protocol,
        Sequence,
        TypeVar,
        Union,
        cast,
        overload,
    )

    from hostler.definitions.errors import ConfigProblem
    from hostler.definitions.ports import InputDefinition, OutputDefinition
    from hostler.definitions.retries import RetryPolicy

    #: What a function returns that names its outputs, or that is there for its effects alone.
    _Outputs = Union[Iterable[Output], Output, None]

    class Composition(Protocol):
        """The pipeline whose body is being executed."""

        def add(
            self,
            definition: SolidDefinition[Any],
            args: tuple[object, ...],
            kwargs: Mapping[str, object],
            alias: str | None = None,
            tags: Mapping[str, str] | None = None,
        ) -> object: ...


#: Set while the body of a pipeline is executed, by what composes the pipeline.
current_composition: ContextVar[Composition | None] = ContextVar(
    "hostler_composition", default=None
)

_R = TypeVar("_R")
R_co = TypeVar("R_co", covariant=True)


class ComposedValue:
    """What a call of a solid returns in the body of a pipeline: it stands for outputs to come."""

    __slots__ = ()


class SolidDefinition(Generic[R_co]):
    """A solid. The decorator `solid` makes one, and says what the arguments are.

    In the body of a pipeline, a call adds the solid to the pipeline. Anywhere else it calls the
    function, which serves to test it: `context` may be left out unless the config has required
    fields, else it is a `SolidContext`.

    Attributes:
        name: the name.
        description: what it does.
        function: the function.
        inputs: in the order of the function's parameters.
        outputs: in the order of their declaration.
        config: the schema of the config; `config.fields` are its fields by name.
        tags: remarks for people and tools.
        retry_policy: when it is executed again if it fails.
        timeout: seconds of each attempt; None for no limit.
        required_resources: names of resources, sorted.
        type_check: whether values are checked against the declared types.
        order_inputs: the inputs without a value that the function has no parameter for.
        source: where the function is defined.
        takes_context: whether the function's first parameter is the context.
        is_generator: whether the function yields its outputs.
    """

    def __init__(  # noqa: PLR0913 (what can be said of a solid)
        self,
        function: Callable[..., R_co],
        *,
        name: str | None = None,
        description: str | None = None,
        inputs: Sequence[InputDefinition] | None = None,
        outputs: Sequence[OutputDefinition] | None = None,
        config_schema: Any = None,
        tags: Mapping[str, str] | None = None,
        retry_policy: RetryPolicy | None = None,
        timeout: float | None = None,
        type_check: bool = True,
        required_resources: Iterable[str] = (),
    ) -> None:
        self.source = source = position_of(function)
        if name is None:
            name = getattr(function, "__name__", None)
        self.name = name = check_name("a solid", name, source)
        what = f'solid "{name}"'
        self.description = check_text(what, description, source) or documentation_of(function)
        self.function = function
        signature = signature_of(function)
        self.takes_context = takes_context(signature)
        self.is_generator = signature.is_generator
        self.inputs = resolve_inputs(name, signature, inputs, source)
        self.outputs = resolve_outputs(name, signature, outputs, source)
        self.order_inputs = order_alone(signature, self.inputs)
        self.config = schema_type(config_schema, what, source)
        self.tags = check_tags(what, tags, source)
        self.retry_policy = check_retry_policy(what, retry_policy, source)
        self.timeout = check_timeout(what, timeout, source)
        self.type_check = check_flag(what, "type_check", type_check, source)
        self.required_resources = check_names(
            f"the required resources of {what}", required_resources, source
        )
        # For help(), and for whatever reads signatures.
        self.__wrapped__ = function
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __call__(self, *args: Any, **kwargs: Any) -> R_co:
        """Adds the solid to the pipeline that is being composed, else calls the function.

        Raises:
            DefinitionError: the arguments do not fit.
        """
        pipeline = current_composition.get()
        if pipeline is None:
            return self._call_function(args, kwargs)
        return cast("R_co", pipeline.add(self, args, kwargs))

    def alias(self, name: str) -> PendingInvocation[R_co]:
        """Returns the solid under another name, to call in the body of a pipeline.

        Raises:
            DefinitionError: a bad name.
        """
        return PendingInvocation(self).alias(name)

    def tag(self, tags: Mapping[str, str]) -> PendingInvocation[R_co]:
        """Returns the solid with more tags, to call in the body of a pipeline.

        Raises:
            DefinitionError: the tags are no dict of strings.
        """
        return PendingInvocation(self).tag(tags)

    def __repr__(self) -> str:
        return f'<solid "{self.name}">'

    def _call_function(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R_co:
        for value in (*args, *kwargs.values()):
            if isinstance(value, ComposedValue):
                raise DefinitionError(
                    f'cannot call solid "{self.name}" with {value!r}: the body of its pipeline '
                    "has ended, and outside of it solids take plain values",
                    calling_position(),
                )
        if self.takes_context and not self._has_context(args, kwargs):
            args = (self._default_context(), *args)
        return self.function(*args, **kwargs)

    def _has_context(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        given = bool(args) and isinstance(args[0], SolidContext)
        # One argument more than there are inputs: the first is a context of the user's own making.
        return given or len(args) > len(self.inputs) or not CONTEXT_NAMES.isdisjoint(kwargs)

    def _default_context(self) -> SolidContext:
        problems: list[ConfigProblem] = []
        nothing: Any = {} if isinstance(self.config, MappingType) else MISSING
        config = self.config.check(nothing, "config", problems)
        if problems:
            listed = "; ".join(map(str, problems))
            raise DefinitionError(
                f'cannot call solid "{self.name}" without a context ({listed}); '
                "pass SolidContext(config=...) as the first argument",
                calling_position(),
            )
        return SolidContext(config=config, solid_name=self.name)


class PendingInvocation(Generic[R_co]):
    """A solid that is about to be called in the body of a pipeline, with an alias or more tags."""

    __slots__ = ("definition", "name", "tags")

    def __init__(
        self,
        definition: SolidDefinition[R_co],
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.definition = definition
        self.name = name
        self.tags = dict(tags or {})

    def alias(self, name: str) -> PendingInvocation[R_co]:
        """Returns the same invocation under another name.

        Raises:
            DefinitionError: a bad name.
        """
        return PendingInvocation(
            self.definition, check_name("a solid", name, calling_position()), self.tags
        )

    def tag(self, tags: Mapping[str, str]) -> PendingInvocation[R_co]:
        """Returns the same invocation with more tags.

        Raises:
            DefinitionError: the tags are no dict of strings.
        """
        more = check_tags(f'solid "{self.definition.name}"', tags, calling_position())
        return PendingInvocation(self.definition, self.name, {**self.tags, **more})

    def __call__(self, *args: Any, **kwargs: Any) -> R_co:
        """Adds the solid to the pipeline that is being composed.

        Raises:
            DefinitionError: the arguments do not fit, or no pipeline is being composed.
        """
        pipeline = current_composition.get()
        if pipeline is None:
            raise DefinitionError(
                f"cannot call {self!r} outside of a pipeline's body: names and tags have a "
                "meaning there alone; call the solid itself to test it",
                calling_position(),
            )
        return cast("R_co", pipeline.add(self.definition, args, kwargs, self.name, self.tags))

    def __repr__(self) -> str:
        alias = f' as "{self.name}"' if self.name else ""
        return f'<solid "{self.definition.name}"{alias}>'


_ARGUMENTS = tuple(SolidDefinition.__init__.__kwdefaults__ or ())

#: What other tools call the arguments of `solid`.
_OTHER_NAMES = {
    "config": "config_schema",
    "config_field": "config_schema",
    "input_defs": "inputs",
    "ins": "inputs",
    "output_defs": "outputs",
    "out": "outputs",
    "outs": "outputs",
    "retry": "retry_policy",
    "retries": "retry_policy",
}


class SolidDecorator:
    """What `solid(...)` with arguments returns: it makes a solid of the function below it."""

    __slots__ = ("_arguments",)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        check_arguments("a solid", arguments, _ARGUMENTS, _OTHER_NAMES)
        self._arguments = arguments

    @overload
    def __call__(self, function: Callable[..., _Outputs]) -> SolidDefinition[Any]: ...
    @overload
    def __call__(self, function: Callable[..., _R]) -> SolidDefinition[_R]: ...

    def __call__(self, function: Callable[..., Any]) -> SolidDefinition[Any]:
        check_function("a solid", function)
        return SolidDefinition(function, **self._arguments)


@overload
def solid(function: Callable[..., _Outputs], /) -> SolidDefinition[Any]: ...
@overload
def solid(function: Callable[..., _R], /) -> SolidDefinition[_R]: ...
@overload
def solid(
    *,
    name: str | None = None,
    description: str | None = None,
    inputs: Sequence[InputDefinition] | None = None,
    outputs: Sequence[OutputDefinition] | None = None,
    config_schema: Any = None,
    tags: Mapping[str, str] | None = None,
    retry_policy: RetryPolicy | None = None,
    timeout: float | None = None,
    type_check: bool = True,
    required_resources: Iterable[str] = (),
) -> SolidDecorator: ...


def solid(
    function: Callable[..., Any] | None = None, /, **arguments: Any
) -> SolidDefinition[Any] | SolidDecorator:
    """Makes a solid of a function.

    The function takes the context first if its first parameter is named `context` (or `_context`
    or `_`), then its inputs by name. What it returns is its output, named "result". A function with
    several outputs yields or returns an `Output` for each, or returns a tuple of their values in
    the order of their declaration.

    Args:
        name: the function's name if left out.
        description: the function's docstring if left out.
        inputs: what the function's parameters do not say of themselves: descriptions, types.
        outputs: one, named "result", if left out.
        config_schema: what the solid's config may hold, as {"path": str, "limit": Field(int,
            default=10)}, or the type of the whole, as int; see `hostler.definitions.config`. No
            config if left out.
        tags: remarks for people and tools.
        retry_policy: when it is executed again if it fails; never if left out.
        timeout: seconds; an attempt that takes longer is killed and counts as failed. In a run, a
            solid with a timeout executes in a process of its own, and its outputs are pickled.
        type_check: False to take inputs and outputs whatever their annotations say; else the step
            fails where a value is not of the declared type.
        required_resources: names, as {"db"}; `context.resources.db` is then what the pipeline has
            under that name.

    Raises:
        DefinitionError: the declarations contradict each other or the function.
    """
    if function is None:
        return SolidDecorator(arguments)
    return SolidDecorator(arguments)(function)
