"""Run requests: the run configs and tags that schedules and partition sets give or compute."""

from __future__ import annotations

from hostler.definitions._names import type_phrase
from hostler.definitions._preview import encodable, preview
from hostler.definitions._signatures import is_function, signature_of
from hostler.definitions._value_object import ValueObject
from hostler.definitions.config import MAX_EXACT_INTEGER
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import MISSING, position_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from hostler.definitions.source import SourcePosition


#: Deeper than anything that people write; what contains itself is deeper than anything.
_MAX_DEPTH = 100


class RunRequest(ValueObject):
    """The run config and the tags that a run is launched with.

    Attributes:
        partition: the names of the partition set and of the partition that the run is about; None
            where it is about none.
    """

    __slots__ = ("partition", "run_config", "tags")

    def __init__(self, run_config: dict[str, Any], tags: dict[str, str]) -> None:
        self.run_config = run_config
        self.tags = tags
        self.partition: tuple[str, str] | None = None


def check_run_request_function(
    what: str, name: str, function: object, argument: str, source: SourcePosition | None
) -> None:
    """Checks a function that takes one argument, or none.

    Args:
        what: whose it is: 'schedule "nightly"'.
        name: what it is called there: "run_config_fn".
        argument: what it gets.

    Raises:
        DefinitionError: it is no function, or takes something else.
    """
    if function is None:
        return
    if not is_function(function):
        raise DefinitionError(
            f"cannot use {preview(function)} as {name} of {what}: found {type_phrase(function)}, "
            f"expected a function that takes the {argument}, or nothing",
            source,
        )
    signature = signature_of(function)  # type: ignore[arg-type] # is_function has looked at it
    required = [one.name for one in signature.parameters if one.default is MISSING]
    if len(required) > 1 or signature.is_async:
        found = "is an async function" if signature.is_async else f"takes {', '.join(required)}"
        raise DefinitionError(
            f"cannot use {name} of {what}: it {found}, "
            f"expected a plain function that takes the {argument}, or nothing",
            position_of(function, source),
        )


def call_with(function: Callable[..., Any], argument: object) -> Any:
    """Calls a function with the argument, or without if it requires none; returns its result."""
    signature = signature_of(function)
    required = any(one.default is MISSING for one in signature.parameters)
    return function(argument) if required or signature.takes_args else function()


def check_run_config(
    what: str, run_config: object, source: SourcePosition | None
) -> dict[str, Any]:
    """Returns a copy of a run config, if JSON can hold it: strings, numbers, lists and dicts.

    Raises:
        DefinitionError: it cannot; the message says where in it.
    """
    if run_config is None:
        return {}
    if not isinstance(run_config, dict):
        raise DefinitionError(
            f"cannot use {preview(run_config)} as the run config of {what}: found "
            f"{type_phrase(run_config)}, expected a dict",
            source,
        )
    problem = _problem(run_config, "", 0)
    if problem:
        raise DefinitionError(f"cannot use the run config of {what}: {problem}", source)
    copied: dict[str, Any] = _copy(run_config)
    return copied


def _problem(value: object, path: str, depth: int) -> str:
    """Returns why JSON cannot hold a value; "" if it can."""
    if depth > _MAX_DEPTH:
        return f"{path[:60]}...: it goes too deep, or contains itself"
    if isinstance(value, dict):
        for key, item in value.items():
            place = f"{path}.{key}" if path else str(key)
            problem = (
                _problem(item, place, depth + 1)
                if isinstance(key, str)
                else f"{place}: the key is {type_phrase(key)}, expected a string"
            )
            if problem:
                return problem
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            problem = _problem(item, f"{path}[{index}]", depth + 1)
            if problem:
                return problem
    else:
        return _scalar_problem(value, path)
    return ""


def _scalar_problem(value: object, path: str) -> str:
    if value is None or isinstance(value, bool):
        return ""
    shown = preview(value, 60)
    if isinstance(value, str):
        return "" if encodable(value) == value else f"{path}: found {shown}, which UTF-8 has not"
    if isinstance(value, float):
        finite = float("-inf") < value < float("inf")
        return "" if finite else f"{path}: found {shown}, expected a number that JSON has"
    if isinstance(value, int):
        exact = abs(value) <= MAX_EXACT_INTEGER
        return "" if exact else f"{path}: found {shown}, too great to travel; give it as a string"
    return (
        f"{path}: found {shown} ({type(value).__name__}), expected a string, number, bool, None, "
        "list or dict"
    )


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copy(item) for item in value]
    return value
