"""Exit handlers and finalizers: whose they are, so that each runs once and in its own process.

A fork inherits what its parents have registered with `atexit`, `weakref.finalize` and
multiprocessing. What a process registers after its birth is its own. Of what it inherits, it keeps
the handlers of libraries that act on what the process itself has made (`logging.shutdown`,
multiprocessing's), and drops the rest: finalizers of things that existed before the fork, handlers
of the user's code in another process, and handlers that were told which files to remove.
"""

from __future__ import annotations

import atexit
import os
import sys
import types
import weakref

from hostler.host import exit_guard, living

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class ExitHandler:
    """A function that was registered with `atexit`, and the process that did so."""

    __slots__ = ("arguments", "function", "is_library", "keywords", "pid")

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.pid = os.getpid()
        #: Whether a fork may inherit it; None before that is known.
        self.is_library: bool | None = None

    @property
    def name(self) -> str:
        """Returns the function's name, for messages."""
        name = getattr(self.function, "__qualname__", None)
        if name is None:  # an object that can be called
            return type(self.function).__name__
        module = getattr(self.function, "__module__", None)
        return f"{module}.{name}" if isinstance(module, str) else str(name)

    def call(self) -> None:
        """Calls the function as it was registered."""
        self.function(*self.arguments, **self.keywords)


_native_register, _native_unregister = atexit.register, atexit.unregister
_native_run, _native_clear = atexit._run_exitfuncs, atexit._clear

#: In the order of their registration; none that was registered before `install`.
_handlers: list[ExitHandler] = []

#: Those of libraries that this process has inherited and may call at its end.
_inherited: list[ExitHandler] = []

#: What the user's code has inherited in a child that it forked: finalizers, by their registry's
#: keys, and descriptors, with what they lead to.
_finalizers_of_parent: set[Any] = set()
_descriptors_of_parent: dict[int, tuple[int, int]] = {}

#: Whether hostler itself forks: it knows what it leaves to the child.
is_own_fork = False

#: Whether this process is a fork of another one that `install` was called in.
_is_fork = False


def install() -> None:
    """Has `atexit` remember what is registered; once, before the user's code is imported."""
    atexit.register = _register
    atexit.unregister = _unregister
    atexit._run_exitfuncs = _run_all
    atexit._clear = _clear
    os.register_at_fork(after_in_child=_after_fork_of_user)


def _after_fork_of_user() -> None:
    """Remembers what is the parent's, in a child that the user's code has forked."""
    if is_own_fork:
        return
    _finalizers_of_parent.clear()
    _finalizers_of_parent.update(weakref.finalize._registry)  # type: ignore[attr-defined]
    _descriptors_of_parent.clear()
    for name in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(name))
        except OSError:  # the listing's own
            continue
        _descriptors_of_parent[int(name)] = found.st_dev, found.st_ino


def is_of_parent(file: Any) -> bool:
    """Returns whether a file of a child that the user's code has forked was its parent's."""
    try:
        descriptor = file.fileno()
        found = os.fstat(descriptor)
    except Exception:  # noqa: BLE001 (a class of the user's may do anything here)
        return True
    return _descriptors_of_parent.get(descriptor) == (found.st_dev, found.st_ino)


def run_of_stray() -> None:
    """Ends a child that the user's code has forked: joins its threads, calls its own handlers."""
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    registry: dict[Any, Any] = weakref.finalize._registry  # type: ignore[attr-defined]
    for key in _finalizers_of_parent:
        registry.pop(key, None)
    mine = own()
    _native_clear()
    for handler in mine:
        _native_register(handler.function, *handler.arguments, **handler.keywords)
    if registry and not any(_is_of_finalizers(one) for one in mine):
        _native_register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    _native_run()


def _is_of_finalizers(handler: ExitHandler) -> bool:
    return getattr(handler.function, "__qualname__", "") == "finalize._exitfunc"


def _register(function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    """Registers a function to be called at the end of the process, as `atexit.register` does."""
    _native_register(function, *arguments, **keywords)
    _handlers.append(ExitHandler(function, arguments, keywords))
    return function


def _unregister(function: Callable[..., Any], /) -> None:
    """Removes a function, as `atexit.unregister` does."""
    _native_unregister(function)
    for handlers in (_handlers, _inherited):
        handlers[:] = [one for one in handlers if one.function != function]


def _run_all() -> None:
    """Calls all handlers now, as `atexit._run_exitfuncs` does; none is called again."""
    _forget()
    _native_run()


def _clear() -> None:
    """Removes all handlers, as `atexit._clear` does."""
    _forget()
    _native_clear()


def _forget() -> None:
    _handlers.clear()
    _inherited.clear()


def own() -> list[ExitHandler]:
    """Returns the handlers that this process has registered itself."""
    pid = os.getpid()
    return [handler for handler in _handlers if handler.pid == pid]


def is_of_python(handler: ExitHandler) -> bool:
    """Returns whether a handler is one of Python's own, which act on what a process has made."""
    return is_plain(handler) and _is_below(
        handler, os.path.dirname(os.__file__), but="site-packages"
    )


def is_plain(handler: ExitHandler) -> bool:
    """Returns whether a handler is a function that was told nothing, of no object."""
    if handler.arguments or handler.keywords:
        return False
    function = handler.function
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.MethodType):
        return isinstance(owner, type)
    if isinstance(function, types.BuiltinFunctionType):
        return owner is None or isinstance(owner, types.ModuleType)
    return isinstance(function, types.FunctionType)


def _is_below(handler: ExitHandler, folder: str, *, but: str) -> bool:
    module = sys.modules.get(getattr(handler.function, "__module__", None) or "")
    file = living.file_of(module)
    return file.startswith(folder + os.sep) and but not in file


def finalizers() -> int:
    """Returns how many finalizers of living objects would run at the end of this process.

    Those of `weakref.finalize`, as of a `tempfile.TemporaryDirectory`, and of multiprocessing.
    """
    registry: dict[Any, Any] = weakref.finalize._registry  # type: ignore[attr-defined]
    count = sum(1 for info in list(registry.values()) if info.atexit)
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        found = list(getattr(util, "_finalizer_registry", {}))
        count += sum(1 for key in found if key[0] is not None)  # others run with their object only
    return count


def before_fork(is_foreign: Callable[[types.ModuleType | None], bool]) -> None:
    """Sorts the handlers that came since the last fork, once for all forks.

    Args:
        is_foreign: returns whether a module is the user's.
    """
    for handler in _handlers:
        if handler.is_library is None:
            handler.is_library = _may_inherit(handler, is_foreign)


def after_fork() -> None:
    """Drops what belongs to the parent; called in a child, before anything else runs there."""
    global _is_fork  # noqa: PLW0603 (of the process)
    _is_fork = True
    _inherited.extend(one for one in _handlers if one.is_library)
    _handlers.clear()
    _native_clear()
    exit_guard.begin()
    for handler in _inherited:  # for a child of the user's that ends as interpreters do
        _native_register(_call_inherited, handler)
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]
    for module, name in _REGISTRIES:
        registry = getattr(sys.modules.get(module), name, None)
        if registry:
            registry.clear()


#: What multiprocessing and concurrent.futures would end, or wake, at exit: all of it the parent's.
_REGISTRIES = (
    ("multiprocessing.util", "_finalizer_registry"),
    ("multiprocessing.process", "_children"),
    ("concurrent.futures.thread", "_threads_queues"),
    ("concurrent.futures.process", "_threads_wakeups"),
)


def _may_inherit(
    handler: ExitHandler, is_foreign: Callable[[types.ModuleType | None], bool]
) -> bool:
    """Returns whether a fork may call a handler: a library's function that was told nothing.

    What it was told, such as a folder to remove, was there before the fork.
    """
    if not is_plain(handler):
        return False
    module = sys.modules.get(getattr(handler.function, "__module__", None) or "")
    return module is not None and module.__name__ != "__main__" and not is_foreign(module)


def run() -> None:
    """Calls the handlers of this process as its interpreter would, then the inherited ones.

    What a handler raises is printed, as Python does; of an inherited one it is not.
    """
    if _is_fork:
        mine = own()
        _native_clear()
        for handler in mine:
            _native_register(handler.function, *handler.arguments, **handler.keywords)
        _handlers.clear()
    try:
        _native_run()
    except BaseException:  # noqa: BLE001, S110 (before 3.10: what was printed already, or an exit)
        pass
    for handler in list(reversed(_inherited)):
        _call_inherited(handler)
    _inherited.clear()


def _call_inherited(handler: ExitHandler) -> None:
    """Calls a library's handler that was not taken back; it removes nothing of before the fork."""
    if handler not in _inherited:
        return
    try:
        if is_of_python(handler):
            handler.call()
        else:
            exit_guard.call(handler.call)
    except BaseException:  # noqa: BLE001, S110 (it may have been of use before the fork only)
        pass
