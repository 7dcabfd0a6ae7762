"""The inputs and outputs of a solid: declared, or taken from the signature of its function."""

from __future__ import annotations

from hostler.definitions._annotations import config_type_of, type_name
from hostler.definitions._names import check_name, check_text, suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import MISSING, calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Sequence, TypeVar, Union

    from hostler.definitions._signatures import Parameter, Signature
    from hostler.definitions.config import ConfigType
    from hostler.definitions.source import SourcePosition

    _Port = TypeVar("_Port", bound=Union["InputDefinition", "OutputDefinition"])

#: The output of a solid that declares none by name.
DEFAULT_OUTPUT = "result"

#: First parameters that get the context.
CONTEXT_NAMES = frozenset({"context", "_context", "_"})


class Nothing:
    """The type of an input or output that stands for an order alone, without a value.

    A solid with such an input executes after those that feed it; its function needs no parameter
    of that name. An output of this type needs no value: it is produced when the function has ended.
    """


class InputDefinition:
    """An input of a solid.

    Only needed where the function's parameter does not say all: its name, annotation and default
    are taken from there.

    Args:
        name: the name of the function's parameter.
        python_type: what the input takes; also decides whether a run config may give it (str, int,
            float, bool, list, dict, and Any).
        description: shown to readers.
        default: the value where the pipeline gives none.
    """

    __slots__ = ("default", "description", "name", "python_type")

    def __init__(
        self,
        name: str,
        python_type: Any = MISSING,
        *,
        description: str = "",
        default: Any = MISSING,
    ) -> None:
        self.name = check_name("an input", name, calling_position)
        self.python_type = python_type
        if description is not None and description != "":
            description = check_text(f'input "{name}"', description, calling_position)
        self.description = description or ""
        self.default = default

    @property
    def type_name(self) -> str:
        """Returns the text of the type; "Any" where none is declared."""
        return type_name(self.python_type)

    @property
    def is_nothing(self) -> bool:
        """Returns whether the input stands for an order alone."""
        return _is_nothing(self.python_type)

    @property
    def has_default(self) -> bool:
        """Returns whether the solid has a value where the pipeline gives none."""
        return self.default is not MISSING

    @property
    def config_type(self) -> ConfigType | None:
        """Returns what a run config may give; None where only another solid can feed the input."""
        return config_type_of(self.python_type)


class OutputDefinition:
    """An output of a solid.

    Args:
        name: what other solids ask for; "result" where a solid has one output.
        python_type: what the output gives.
        description: shown to readers.
        is_required: False for an output that the solid may leave out; solids that take it are
            skipped.
    """

    __slots__ = ("description", "is_required", "name", "python_type")

    def __init__(
        self,
        name: str = DEFAULT_OUTPUT,
        python_type: Any = MISSING,
        *,
        description: str = "",
        is_required: bool = True,
    ) -> None:
        self.name = check_name("an output", name, calling_position)
        self.python_type = python_type
        if description is not None and description != "":
            description = check_text(f'output "{name}"', description, calling_position)
        self.description = description or ""
        self.is_required = bool(is_required)

    @property
    def type_name(self) -> str:
        """Returns the text of the type; "Any" where none is declared."""
        return type_name(self.python_type)

    @property
    def is_nothing(self) -> bool:
        """Returns whether the output stands for an order alone."""
        return _is_nothing(self.python_type)


class Output:
    """A value for a named output; what a solid's function yields or returns.

    Args:
        value: any value.
        output_name: the output that it is for.
    """

    __slots__ = ("output_name", "value")

    def __init__(self, value: Any, output_name: str = DEFAULT_OUTPUT) -> None:
        self.value = value
        self.output_name = output_name

    def __repr__(self) -> str:
        return f"Output({preview(self.value)}, {self.output_name!r})"


def takes_context(signature: Signature) -> bool:
    """Returns whether the function's first parameter is for the context."""
    return bool(signature.parameters) and signature.parameters[0].name in CONTEXT_NAMES


def resolve_inputs(
    solid: str,
    signature: Signature,
    declared: Sequence[InputDefinition] | None,
    source: SourcePosition | None,
) -> tuple[InputDefinition, ...]:
    """Returns the inputs of a solid: its parameters, in order, with what is declared of each.

    Raises:
        DefinitionError: the declared inputs do not fit the function's parameters.
    """
    parameters = signature.parameters[takes_context(signature) :]
    _check_function(solid, signature, parameters, source)
    given = _by_name(solid, "input", InputDefinition, declared or (), source)
    names = [one.name for one in parameters]
    for name in given:
        if name not in names and not (signature.takes_keywords or given[name].is_nothing):
            raise DefinitionError(
                f'cannot make solid "{solid}": it declares the input "{name}", and its function '
                f"has no such parameter; {suggestion(name, names)}",
                source,
            )
    resolved = [_merged(one, given.pop(one.name, None)) for one in parameters]
    return (*resolved, *given.values())


def resolve_outputs(
    solid: str,
    signature: Signature,
    declared: Sequence[OutputDefinition] | None,
    source: SourcePosition | None,
) -> tuple[OutputDefinition, ...]:
    """Returns the declared outputs of a solid, else one of the type that its function returns.

    Raises:
        DefinitionError: something else than outputs is declared, or a name twice.
    """
    # The annotation of a generator is the generator's type, not the type of its outputs.
    returns = MISSING if signature.is_generator else signature.returns
    if declared is None:
        return (OutputDefinition(python_type=returns),)
    outputs = tuple(_by_name(solid, "output", OutputDefinition, declared, source).values())
    if len(outputs) == 1 and outputs[0].python_type is MISSING:
        (one,) = outputs
        return (
            OutputDefinition(
                one.name, returns, description=one.description, is_required=one.is_required
            ),
        )
    return outputs


def order_alone(signature: Signature, inputs: Iterable[InputDefinition]) -> frozenset[str]:
    """Returns the inputs without a value, which the function has no parameter for."""
    names = {one.name for one in signature.parameters}
    return frozenset(one.name for one in inputs if one.is_nothing and one.name not in names)


def _is_nothing(python_type: object) -> bool:
    if isinstance(python_type, str):
        return python_type.strip("'\"").rpartition(".")[2] == "Nothing"
    return python_type is Nothing


def _check_function(
    solid: str,
    signature: Signature,
    parameters: Iterable[Parameter],
    source: SourcePosition | None,
) -> None:
    problem = ""
    if signature.is_async:
        problem = "its function is async; make it a plain function, which may call asyncio.run"
    elif signature.takes_args:
        problem = "its function takes *args, which no input can name; name each parameter"
    elif any(one.name in signature.positional_only for one in parameters):
        problem = (
            "its function has positional-only parameters; inputs are given by name: drop the /"
        )
    if problem:
        raise DefinitionError(f'cannot make solid "{solid}": {problem}', source)


def _by_name(
    solid: str,
    what: str,
    kind: type[_Port],
    declared: Sequence[object],
    source: SourcePosition | None,
) -> dict[str, _Port]:
    if not isinstance(declared, (list, tuple)):
        raise DefinitionError(
            f'cannot make solid "{solid}": its {what}s are {type_phrase(declared)}, '
            f"expected a list of {kind.__name__}",
            source,
        )
    found: dict[str, _Port] = {}
    for index, one in enumerate(declared):
        if not isinstance(one, kind):
            raise DefinitionError(
                f'cannot make solid "{solid}": its {what} at index {index} is {preview(one)} '
                f"({type(one).__name__}), expected {kind.__name__}",
                source,
            )
        if one.name in found:
            raise DefinitionError(
                f'cannot make solid "{solid}": it declares the {what} "{one.name}" twice; '
                "rename one of them",
                source,
            )
        found[one.name] = one
    return found


def _merged(parameter: Parameter, declared: InputDefinition | None) -> InputDefinition:
    """Returns an input: as declared, and where nothing is declared, as the parameter says."""
    if declared is None:
        return InputDefinition(parameter.name, parameter.annotation, default=parameter.default)
    return InputDefinition(
        declared.name,
        parameter.annotation if declared.python_type is MISSING else declared.python_type,
        description=declared.description,
        default=declared.default if declared.has_default else parameter.default,
    )
