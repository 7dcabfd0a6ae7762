"""The objects that were made since this process's birth, by what their end would do.

A template and a fork freeze what they have, so that the collector knows what came later alone.
"""

from __future__ import annotations

import gc
import io
import sys
from types import CoroutineType, GeneratorType, WrapperDescriptorType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: What all files derive from; the abstract class of `io` takes long to ask.
_FILE: type = io.IOBase.__mro__[1]

_STANDARD = (0, 1, 2)


def file_of(module: Any) -> str:
    """Returns the file of a module, "" where it has none, or refuses to be looked at."""
    try:
        file = getattr(module, "__file__", None)
    except Exception:  # noqa: BLE001 (a lazy module)
        return ""
    return file if isinstance(file, str) else ""


def objects(kind_of: Callable[[type], str]) -> list[tuple[str, Any]]:
    """Finds objects of the kinds that are asked for.

    Args:
        kind_of: names the kind of a type, "" for one that is not wanted; asked once for each type.
    """
    wanted: list[tuple[str, Any]] = []  # a generator would find itself
    kinds: dict[type, str] = {}
    for found in gc.get_objects():
        type_ = type(found)
        kind = kinds.get(type_)
        if kind is None:
            kind = kinds[type_] = kind_of(type_)
        if kind:
            wanted.append((kind, found))
    return wanted


def is_suspendable(type_: type) -> bool:
    """Returns whether objects of a type may wait within their function."""
    return type_ is GeneratorType or type_ is CoroutineType


def has_finalizer(type_: type) -> bool:
    """Returns whether objects of a type have a `__del__` of the type's author.

    What C code does at the end of an object is a slot, which does not count.
    """
    found = getattr(type_, "__del__", None)
    return found is not None and not isinstance(found, WrapperDescriptorType)


def kind_of_left(type_: type) -> str:
    """Names what the end of an interpreter may have to do with objects of a type.

    Returns:
        "file", "generator" (coroutines, too), "finalizer", "foreign" for a type of an installed
        package, which may hold what C code has not written yet, or "" for one that ends by being
        forgotten.
    """
    if issubclass(type_, _FILE):
        return "" if issubclass(type_, (io.BytesIO, io.StringIO)) else "file"
    if is_suspendable(type_):
        return "generator"
    if issubclass(type_, type):
        return ""
    if has_finalizer(type_):
        return "finalizer"
    return "foreign" if _is_installed(type_) else ""


def _is_installed(type_: type) -> bool:
    module = sys.modules.get(str(type_.__module__).partition(".")[0])
    file = file_of(module)
    return "site-packages" in file or "dist-packages" in file


def is_left(kind: str, found: Any) -> bool:
    """Returns whether the end of an interpreter has something to do with an object of a kind."""
    if kind == "file":
        return is_unwritten(found)
    if kind == "generator":
        return _is_suspended(found)
    return kind != "finalizer" or not _is_finalized(found)


#: Whether the collector has finalized an object already (3.9).
_is_finalized = getattr(gc, "is_finalized", lambda _: False)


def _is_suspended(found: Any) -> bool:
    """Returns whether a generator or coroutine waits within its function, which has more to do."""
    if isinstance(found, CoroutineType):
        frame, is_running = found.cr_frame, found.cr_running
    else:
        frame, is_running = found.gi_frame, found.gi_running
    return frame is not None and not is_running and frame.f_lasti >= 0


def is_unwritten(found: Any) -> bool:
    """Returns whether a file may hold what is not written yet; standard streams do not count."""
    if found is sys.__stdout__ or found is sys.__stderr__:
        return False
    try:
        return bool(not found.closed and found.writable())
    except Exception:  # noqa: BLE001 (a class of the user's may do anything here)
        return False


def is_standard(found: Any) -> bool:
    """Returns whether a file writes to the process's stdin, stdout or stderr."""
    try:
        return bool(found.fileno() in _STANDARD)
    except Exception:  # noqa: BLE001 (it has no descriptor)
        return False


def depth(found: Any) -> int:
    """Returns the place of a file in an order in which each comes before the one that it wraps."""
    is_native = type(found).__module__ in ("io", "_io")
    if isinstance(found, io.TextIOBase):
        return 0 + is_native
    if isinstance(found, io.RawIOBase):
        return 4 + is_native
    return 2 + is_native
