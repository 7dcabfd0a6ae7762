"""Stands in for `typing` while this package runs.

To import `typing` costs as much as the start of the interpreter does, and only type checkers have
a use for it. The modules that need these names import the true ones where TYPE_CHECKING.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Generic:
    """A base whose subclasses can be subscribed, as `SolidDefinition[int]` in an annotation."""

    __slots__ = ()

    def __class_getitem__(cls, _item: object) -> object:
        return cls


class TypeVar:
    """A name for a type."""

    __slots__ = ("name",)

    def __init__(self, name: str, **_arguments: object) -> None:
        self.name = name


def cast(_type: object, value: Any) -> Any:
    """Returns the value."""
    return value


def overload(function: Any) -> Any:
    """Returns the function; the last definition of its name replaces it."""
    return function


def is_any(annotation: object) -> bool:
    """Returns whether this is `typing.Any`."""
    typing = sys.modules.get("typing")
    return typing is not None and annotation is typing.Any
