"""Modules of the standard library that are seldom needed: imported late, and never the user's.

A project may have a `token.py` or an `inspect.py` of its own, and import it. What hostler needs is
the standard library's all the same: before such a file is imported, `hold` imports all that is
imported late, and `late` gives what is held. That an import finds the standard library's module in
spite of the user's file is the work of `hostler.host.standard`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

#: All that `late` is asked for, and what these modules import late in their turn.
NAMES = (
    "ast",
    "ctypes",
    "datetime",
    "decimal",
    "difflib",
    "functools",
    "importlib",
    "importlib.resources",
    "importlib.util",
    "inspect",
    "io",
    "linecache",
    "logging",
    "pickle",
    "resource",
    "struct",
    "threading",
    "tokenize",
    "traceback",
    "typing",
    "unicodedata",
    "warnings",
    "zoneinfo",
    "_colorize",
    "_strptime",
)

_held: dict[str, Any] = {}


def late(name: str) -> Any:
    """Returns a module of the standard library, by its dotted name.

    Raises:
        ImportError: this Python has none of that name.
    """
    held = _held.get(name)
    if held is None:
        __import__(name)
        held = sys.modules[name]
    return held


def loaded(name: str) -> Any:
    """Returns a module, of the standard library or hostler's, if it is imported; else None."""
    return _held.get(name) or sys.modules.get(name)


def is_held() -> bool:
    """Returns whether `hold` was called."""
    return bool(_held)


def hold() -> None:
    """Imports all that is imported late, and holds it; once."""
    if _held:
        return
    for name in NAMES:
        try:
            __import__(name)
        except ImportError:  # of another version, or of an interpreter built without it
            continue
        _held[name] = sys.modules[name]


class InPlace:
    """A context in which `sys.modules` has the modules that are held, not the user's of the name.

    For work of the standard library's on hostler's behalf that imports more in its turn.
    """

    def __init__(self) -> None:
        self._others: dict[str, Any] = {}

    def __enter__(self) -> None:
        for name, module in _held.items():
            found = sys.modules.get(name)
            if found is not module:
                self._others[name] = found
                sys.modules[name] = module

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for name, found in self._others.items():
            if found is None:
                del sys.modules[name]
            else:
                sys.modules[name] = found
