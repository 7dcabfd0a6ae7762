"""Values against the annotations of the user's functions: builtins, containers, unions, classes.

What cannot be checked passes: `Any`, a name that is there for the type checker alone, a protocol.
"""

from __future__ import annotations

import builtins

from hostler.definitions._annotations import split_text, type_name
from hostler.definitions._late import late, loaded
from hostler.definitions._preview import preview
from hostler.definitions.source import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

    #: Says what is wrong with a value: "found 'x' (str)"; None for a value that fits.
    Check = Callable[[Any], Optional[str]]
    Names = Dict[str, Any]

#: Names that stand for a builtin, by the module `typing` or without one.
_BUILTINS = {
    "List": list,
    "Dict": dict,
    "Tuple": tuple,
    "Set": set,
    "FrozenSet": frozenset,
    "Type": type,
    "Text": str,
    "DefaultDict": dict,
    "OrderedDict": dict,
}

#: Names of collections.abc whose items are looked at where the value is a list, tuple, set or dict.
_ABSTRACT = (
    "Sequence",
    "MutableSequence",
    "Collection",
    "Iterable",
    "Mapping",
    "MutableMapping",
    "Iterator",
    "Generator",
    "Callable",
)

#: A value of one of these may be of the types beside it: as type checkers have it.
_PROMOTED = {float: (int,), complex: (int, float)}

#: What `numbers` calls them: the numbers of numpy are none of Python's own.
_NUMBERS = {int: "Integral", float: "Real", complex: "Complex"}


def problem_of(value: object, annotation: object, function: object) -> str | None:
    """Returns what is wrong with a value, as "found 'x' (str)"; None where it fits.

    Args:
        value: any.
        annotation: a type, its text, or MISSING.
        function: whose annotation it is: names in a text are looked up in its module.
    """
    if annotation is MISSING:
        return None
    try:
        check = _check(annotation, _names(function))
        return None if check is None else check(value)
    except Exception:  # noqa: BLE001 (an isinstance of the user's may raise anything)
        return None


def _names(function: Any) -> Names:
    seen = 0
    while hasattr(function, "__wrapped__") and seen < 100:
        function = function.__wrapped__
        seen += 1
    function = getattr(function, "func", function)  # functools.partial
    found: Names = getattr(function, "__globals__", {})
    return found


def _check(annotation: Any, names: Names) -> Check | None:
    """Returns the check of an annotation; None where it takes any value."""
    if annotation is None or annotation is type(None):
        return _is_none
    if isinstance(annotation, str):
        return _of_text(annotation.strip().strip("'\""), names)
    supertype = getattr(annotation, "__supertype__", None)  # of a NewType
    if supertype is not None:
        return _check(supertype, names)
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _check(annotation.__origin__, names)
    origin = getattr(annotation, "__origin__", None)
    arguments = list(getattr(annotation, "__args__", ()) or ())
    if origin is None:
        if type(annotation).__name__ == "UnionType":
            return _any_of(arguments, names)
        return _of_class(annotation) if isinstance(annotation, type) else None
    name = getattr(origin, "_name", None) or getattr(origin, "__name__", "")
    if name == "Union":
        return _any_of(arguments, names)
    if name == "Literal":
        return lambda value: None if value in arguments else _found(value)
    if not isinstance(origin, type):
        return None
    # The bare List of 3.8 has type variables as its arguments.
    return _of_generic(origin, [one for one in arguments if not hasattr(one, "__bound__")], names)


def _of_text(text: str, names: Names) -> Check | None:
    """Returns the check of an annotation that is a text, whatever this interpreter can evaluate."""
    alternatives: list[Any] = list(split_text(text, "|"))
    if len(alternatives) > 1:
        return _any_of(alternatives, names)
    base, bracket, rest = text.partition("[")
    arguments: list[Any] = [one for one in split_text(rest.rstrip()[:-1], ",") if one]
    name = base.strip().rpartition(".")[2]
    if name == "Optional":
        return _any_of([*arguments, None], names)
    if name == "Union":
        return _any_of(arguments, names)
    if name == "Annotated" and arguments:
        return _check(arguments[0], names)
    found = _named(base.strip(), names)
    if name == "Literal" or (found is not None and not isinstance(found, type)):
        return _evaluated(text, names)
    if found is None:
        return None
    return _of_generic(found, arguments, names) if bracket else _of_class(found)


def _evaluated(text: str, names: Names) -> Check | None:
    try:
        found = eval(text, {**vars(late("typing")), **names}, {})  # noqa: S307 (the user's own annotation)
    except Exception:  # noqa: BLE001 (whatever is in it)
        return None
    return None if isinstance(found, str) else _check(found, names)


def _named(text: str, names: Names) -> Any:
    """Returns what a dotted name stands for; None where it is not known."""
    if text == "None":
        return type(None)
    first, *others = text.split(".")
    found = names.get(first, getattr(builtins, first, None))
    for one in others:
        found = getattr(found, one, None)
    if found is None or getattr(found, "__module__", "") == "typing":
        name = others[-1] if others else first
        if name in _BUILTINS:
            return _BUILTINS[name]
        if name in _ABSTRACT:
            return getattr(late("typing"), name).__origin__
    return found


def _any_of(annotations: list[Any], names: Names) -> Check | None:
    checks = [_check(one, names) for one in annotations]
    known = [one for one in checks if one is not None]
    if len(known) < len(checks):
        return None
    return lambda value: None if any(one(value) is None for one in known) else _found(value)


def _is_none(value: object) -> str | None:
    return None if value is None else _found(value)


def _of_class(kind: Any) -> Check | None:
    if kind is object or getattr(kind, "__name__", "") in ("Any", "TypeVar"):
        return None
    if hasattr(kind, "__total__") and issubclass(kind, dict):  # a TypedDict
        kind = dict
    try:
        isinstance(None, kind)
    except TypeError:  # a protocol
        return None
    kinds = (kind, *_PROMOTED.get(kind, ()))
    if kind in _NUMBERS:
        return lambda value: (
            None if isinstance(value, kinds) or _is_number(value, kind) else _found(value)
        )
    return lambda value: None if isinstance(value, kinds) else _found(value)


def _is_number(value: object, kind: Any) -> bool:
    numbers = loaded("numbers")  # which whoever defines numbers has imported
    return numbers is not None and isinstance(value, getattr(numbers, _NUMBERS[kind]))


def _of_generic(origin: Any, arguments: list[Any], names: Names) -> Check | None:
    outer = _of_class(origin)
    if outer is None:
        return None
    if issubclass(origin, tuple):
        return _of_tuple(outer, arguments, names)
    items = [_check(one, names) for one in arguments]
    if issubclass(origin, dict) or origin.__name__ in ("Mapping", "MutableMapping"):
        if len(items) == 2:
            return _of_pairs(outer, items[0], items[1])
    elif len(items) == 1 and items[0] is not None:
        return _of_items(outer, items[0])
    return outer


def _of_items(outer: Check, item: Check) -> Check:
    def check(value: Any) -> str | None:
        problem = outer(value)
        if problem is None and isinstance(value, (list, tuple, set, frozenset)):
            for index, one in enumerate(value):
                found = item(one)
                if found is not None:
                    return _within(f"item {index}", found)
        return problem

    return check


def _of_pairs(outer: Check, key: Check | None, item: Check | None) -> Check:
    def check(value: Any) -> str | None:
        problem = outer(value)
        if problem is None and isinstance(value, dict):
            for name, one in value.items():
                found = None if key is None else key(name)
                if found is not None:
                    return _within("a key", found)
                found = None if item is None else item(one)
                if found is not None:
                    return _within(f"the value of {preview(name, 40)}", found)
        return problem

    return check


def _of_tuple(outer: Check, arguments: list[Any], names: Names) -> Check:
    if len(arguments) == 2 and arguments[1] in (Ellipsis, "..."):
        item = _check(arguments[0], names)
        return outer if item is None else _of_items(outer, item)
    checks = [_check(one, names) for one in arguments]

    def check(value: Any) -> str | None:
        problem = outer(value)
        if problem is None and checks:
            if len(value) != len(checks):
                return f"found {len(value)} items in {preview(value, 60)} (tuple)"
            for index, (one, item) in enumerate(zip(value, checks)):
                found = None if item is None else item(one)
                if found is not None:
                    return _within(f"item {index}", found)
        return problem

    return check


def _found(value: object) -> str:
    return "found None" if value is None else f"found {preview(value, 60)} ({_kind(value)})"


def _kind(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else type_name(kind)


def _within(place: str, found: str) -> str:
    return f"{found} as {place}" if " as " not in found else f"{found} of {place}"
