"""Signatures: what a function of the user's takes, and the checks that it is a function."""

from __future__ import annotations

from types import FunctionType

from hostler.definitions._late import late
from hostler.definitions._names import type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._value_object import ValueObject
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import MISSING, calling_position, code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from hostler.definitions.source import SourcePosition

_PACKAGE = __name__.rpartition(".")[0]

# Of code.co_flags; `inspect` names them, and costs more to import than all of this package.
_TAKES_ARGS, _TAKES_KEYWORDS, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x4, 0x8, 0x20, 0x80, 0x200


class Parameter(ValueObject):
    """One parameter of a function; MISSING for what it does not declare."""

    __slots__ = ("annotation", "default", "name")

    def __init__(self, name: str, annotation: Any = MISSING, default: Any = MISSING) -> None:
        self.name = name
        self.annotation = annotation
        self.default = default


class Signature(ValueObject):
    """What a function takes and gives."""

    __slots__ = (
        "is_async",
        "is_generator",
        "parameters",
        "positional_only",
        "returns",
        "takes_args",
        "takes_keywords",
    )

    def __init__(
        self,
        *,
        parameters: tuple[Parameter, ...],
        returns: Any,
        positional_only: frozenset[str],
        takes_args: bool,
        takes_keywords: bool,
        is_generator: bool,
        is_async: bool,
    ) -> None:
        self.parameters = parameters
        self.returns = returns
        self.positional_only = positional_only
        self.takes_args = takes_args
        self.takes_keywords = takes_keywords
        self.is_generator = is_generator
        self.is_async = is_async


def signature_of(function: Callable[..., Any]) -> Signature:
    """Returns the signature of a function.

    Raises:
        DefinitionError: it is a builtin without a signature.
    """
    if type(function) is FunctionType and not hasattr(function, "__wrapped__"):
        return _plain_signature(function)
    return _inspected_signature(function)


def is_function(value: object) -> bool:
    """Returns whether the value is a function: callable, and neither a class nor a solid."""
    return (
        callable(value)
        and not isinstance(value, type)
        and type(value).__module__.rpartition(".")[0] != _PACKAGE
    )


def check_function(what: str, function: object) -> None:
    """Checks what a decorator stands above.

    Args:
        what: what it makes, with its article: "a solid".

    Raises:
        DefinitionError: it is no function.
    """
    if is_function(function):
        return
    name = what.rsplit(maxsplit=1)[-1]
    advice = ""
    if isinstance(function, str):
        advice = f'; write @{name}(name="{function if function.isidentifier() else "..."}")'
    raise DefinitionError(
        f"cannot make {what} of {preview(function)}: found {type_phrase(function)}, "
        f"expected a function{advice}",
        calling_position(),
    )


def check_no_arguments(doing: str, function: Any, source: SourcePosition | None) -> None:
    """Checks a function that is to be called without arguments.

    Args:
        doing: what it serves: 'make pipeline "x"'.

    Raises:
        DefinitionError: it takes some, or is an async one.
    """
    signature = signature_of(function)
    if signature.is_async:
        raise DefinitionError(
            f"cannot {doing}: its function is an async one, expected a plain function; "
            "leave out async",
            source,
        )
    required = [one.name for one in signature.parameters if one.default is MISSING]
    if required:
        raise DefinitionError(
            f"cannot {doing}: its function takes {', '.join(required)}, "
            "expected a function without arguments",
            source,
        )


def _plain_signature(function: FunctionType) -> Signature:
    code = function.__code__
    positional = code.co_argcount
    names = code.co_varnames[: positional + code.co_kwonlyargcount]
    defaults: dict[str, Any] = function.__kwdefaults__ or {}
    given = function.__defaults__
    if given:
        defaults = {**defaults, **dict(zip(names[positional - len(given) : positional], given))}
    annotations = function.__annotations__
    return Signature(
        parameters=tuple(
            [
                Parameter(name, annotations.get(name, MISSING), defaults.get(name, MISSING))
                for name in names
            ]
        ),
        returns=annotations.get("return", MISSING),
        positional_only=frozenset(names[: code.co_posonlyargcount]),
        takes_args=bool(code.co_flags & _TAKES_ARGS),
        takes_keywords=bool(code.co_flags & _TAKES_KEYWORDS),
        is_generator=bool(code.co_flags & _GENERATOR),
        is_async=bool(code.co_flags & (_COROUTINE | _ASYNC_GENERATOR)),
    )


def _inspected_signature(function: Callable[..., Any]) -> Signature:
    inspect = late("inspect")
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"cannot read what {function!r} takes: {error}; wrap it in a function of your own",
            calling_position(),
        ) from error
    of_kind: dict[Any, list[Parameter]] = {}
    for one in found.parameters.values():
        annotation = MISSING if one.annotation is one.empty else one.annotation
        default = MISSING if one.default is one.empty else one.default
        of_kind.setdefault(one.kind, []).append(Parameter(one.name, annotation, default))
    kinds = inspect.Parameter
    positional_only = of_kind.get(kinds.POSITIONAL_ONLY, [])
    named = of_kind.get(kinds.POSITIONAL_OR_KEYWORD, []) + of_kind.get(kinds.KEYWORD_ONLY, [])
    returns = found.return_annotation
    code = code_of(function)
    return Signature(
        parameters=tuple(positional_only + named),
        returns=MISSING if returns is found.empty else returns,
        positional_only=frozenset(one.name for one in positional_only),
        takes_args=kinds.VAR_POSITIONAL in of_kind,
        takes_keywords=kinds.VAR_KEYWORD in of_kind,
        is_generator=code is not None and bool(code.co_flags & _GENERATOR),
        # A plain function may wrap and run an async one, so the innermost function does not decide.
        is_async=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
    )
