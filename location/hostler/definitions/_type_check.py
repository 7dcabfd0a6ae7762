"""The check of values at the borders of a step, against the types that its solid declares."""

from __future__ import annotations

from hostler.definitions._annotations import type_name
from hostler.definitions.errors import TypeCheckError
from hostler.definitions.source import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from hostler.definitions.ports import InputDefinition, OutputDefinition
    from hostler.definitions.solids import SolidDefinition

_OFF = "or leave the check out with type_check=False"


def check_inputs(definition: SolidDefinition[Any], inputs: Mapping[str, Any]) -> None:
    """Checks the inputs of a step, those with their defaults among them.

    Raises:
        TypeCheckError: one is not of its type.
    """
    for one in definition.inputs:
        if one.python_type is MISSING or one.is_nothing:
            continue
        value = inputs.get(one.name, one.default)
        # None as a default makes any type an optional one, as it has always been.
        if value is MISSING or (value is None and one.default is None):
            continue
        problem = _problem(definition, one, value)
        if problem:
            what = "the input" if one.name in inputs else "the default of the input"
            raise TypeCheckError(
                f'cannot give solid "{definition.name}" {what} "{one.name}": {problem}, expected '
                f"{one.type_name}; pass such a value, correct the annotation, {_OFF}"
            )


def check_output(definition: SolidDefinition[Any], output: OutputDefinition, value: object) -> None:
    """Checks an output of a step.

    Raises:
        TypeCheckError: it is not of its type.
    """
    if output.is_nothing:
        if value is None:
            return
        problem: str | None = f"found {type(value).__name__}"
    elif output.python_type is MISSING:
        return
    else:
        problem = _problem(definition, output, value)
    if problem:
        raise TypeCheckError(
            f'cannot take the output "{output.name}" from solid "{definition.name}": {problem}, '
            f"expected {output.type_name}; return such a value, correct the annotation, {_OFF}"
        )


def _problem(
    definition: SolidDefinition[Any], port: InputDefinition | OutputDefinition, value: object
) -> str | None:
    kind: object = port.python_type
    if isinstance(kind, type) and type(value) is kind:
        return None  # nearly all of them
    # A function may return Output objects; its annotation then says nothing of the values in them.
    if "Output" in type_name(kind):
        return None
    from hostler.definitions._value_types import problem_of

    return problem_of(value, kind, definition.function)
