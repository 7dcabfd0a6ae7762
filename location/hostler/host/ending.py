"""The end of a process: what an interpreter of its own would do at its exit.

Threads that are no daemons are joined, exit handlers are called, what the user's modules hold is
finalized, and all streams are flushed. The process itself goes on until it has told of that.
"""

from __future__ import annotations

import gc
import sys

from hostler.host import exit_handlers, interpreter, living
from hostler.host.imports import is_user_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def threads() -> list[str]:
    """Returns the names of the threads that the end waits for."""
    threading: Any = sys.modules.get("threading")
    if threading is None:
        return []
    main = threading.main_thread()
    return [one.name for one in threading.enumerate() if not one.daemon and one is not main]


def finish(*, joins_threads: bool = True) -> None:
    """Does all that the end of an interpreter does, but for the end itself.

    Args:
        joins_threads: whether threads that are no daemons are waited for.

    Raises:
        KeyboardInterrupt: the process was interrupted meanwhile.
    """
    threading: Any = sys.modules.get("threading")
    if joins_threads and threading is not None:
        threading._shutdown()
    exit_handlers.run()
    if _has_left():
        _finalize()
    interpreter.flush_output()
    _flush_c_streams()


def _has_left() -> bool:
    """Returns whether the user's code has left something to finalize."""
    return any(living.is_left(*each) for each in living.objects(living.kind_of_left))


def _finalize() -> None:
    """Ends the user's modules as an interpreter does, then closes what files are still open.

    Beside a thread that goes on, their names stay: an interpreter would stop it at this point.
    """
    if len(sys._current_frames()) == 1:
        modules = [(name, one) for name, one in list(sys.modules.items()) if is_user_module(one)]
        for name, _ in modules:
            del sys.modules[name]
        namespaces = [vars(module) for _, module in modules]
        modules.clear()
        gc.collect()
        while namespaces:
            _clear(namespaces.pop())
        gc.collect()
    files = [
        found
        for kind, found in living.objects(living.kind_of_left)
        if kind == "file" and living.is_unwritten(found)
    ]
    for file in files:  # what a text file has goes through the binary file that it wraps
        try:
            file.flush()
        except Exception:  # noqa: BLE001, S110 (an interpreter passes over it as well)
            pass


def _clear(namespace: dict[str, Any]) -> None:
    """Forgets what a module holds, private names first, as the interpreter does."""
    for is_private in (True, False):
        for name in list(namespace):
            begins_private = name[:1] == "_" and name[1:2] != "_"
            if name != "__builtins__" and begins_private is is_private:
                namespace[name] = None


def _flush_c_streams() -> None:
    """Flushes what C code has printed by stdio, where there is C code beside Python's own."""
    ctypes: Any = sys.modules.get("ctypes")
    if ctypes is None:
        if not any(map(_is_foreign_extension, list(sys.modules.values()))):
            return
        try:
            import ctypes
        except ImportError:
            return
    try:
        ctypes.CDLL(None).fflush(None)
    except Exception:  # noqa: BLE001, S110 (the user's own ctypes)
        pass


def _is_foreign_extension(module: ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.endswith(".so") and "lib-dynload" not in file
