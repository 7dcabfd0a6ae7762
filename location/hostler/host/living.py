"""The objects that were made since this process's birth, by what their end would do.

A template and a fork freeze what they have, so that the collector knows what came later alone.
"""

from __future__ import annotations

import gc
import io
import sys
from types import FunctionType, GeneratorType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

_FILES = (io.IOBase,)


def objects(kind_of: Callable[[type], str]) -> Iterator[tuple[str, Any]]:
    """Finds objects of the kinds that are asked for.

    Args:
        kind_of: names the kind of a type, "" for one that is not wanted; asked once for each type.
    """
    kinds: dict[type, str] = {}
    for found in gc.get_objects():
        type_ = type(found)
        kind = kinds.get(type_)
        if kind is None:
            kind = kinds[type_] = kind_of(type_)
        if kind:
            yield kind, found


def has_finalizer(type_: type) -> bool:
    """Returns whether objects of a type have a `__del__` that is written in Python."""
    return isinstance(getattr(type_, "__del__", None), FunctionType)


def kind_of_left(type_: type) -> str:
    """Names what the end of an interpreter may have to do with objects of a type.

    Returns:
        "file", "generator", "finalizer", "foreign" for a type of an installed package, which may
        hold what C code has not written yet, or "" for one that ends by being forgotten.
    """
    if issubclass(type_, _FILES):
        return "" if issubclass(type_, (io.BytesIO, io.StringIO)) else "file"
    if type_ is GeneratorType:
        return "generator"
    if has_finalizer(type_):
        return "finalizer"
    return "foreign" if not issubclass(type_, type) and _is_installed(type_) else ""


def _is_installed(type_: type) -> bool:
    module = sys.modules.get(str(type_.__module__).partition(".")[0])
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)


def is_left(kind: str, found: Any) -> bool:
    """Returns whether the end of an interpreter has something to do with an object of a kind."""
    if kind == "file":
        return is_unwritten(found)
    if kind == "generator":  # suspended within its function, which may have more to do
        return found.gi_frame is not None and found.gi_frame.f_lasti >= 0
    return True


def is_unwritten(found: Any) -> bool:
    """Returns whether a file may hold what is not written yet; standard streams do not count."""
    if found in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        return False
    try:
        return bool(not found.closed and found.writable())
    except Exception:  # noqa: BLE001 (a class of the user's may do anything here)
        return False
