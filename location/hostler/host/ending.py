"""The end of a process: what an interpreter of its own would do at its exit.

Threads that are no daemons are joined, exit handlers are called, what the user's modules hold is
finalized, and all streams are flushed. The process itself goes on until it has told of that.
"""

from __future__ import annotations

import gc
import sys
from _thread import get_ident
from functools import partial

from hostler.definitions._late import late, loaded
from hostler.host import exit_handlers, interpreter, living
from hostler.host.imports import is_user_module, last_module, modules_since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any, Callable

    from hostler.host.cancellation import Cancellation


def waits_for() -> list[str]:
    """Returns what the end waits for: "the thread NAME", "the process NAME"."""
    found: list[str] = []
    threading: Any = loaded("threading")
    if threading is not None:
        main = threading.main_thread()
        others = [one for one in threading.enumerate() if not one.daemon and one is not main]
        found += [f"the thread {one.name}" for one in others]
    processes: Any = loaded("multiprocessing.process")
    if processes is not None:
        children = [one for one in processes.active_children() if not one.daemon]
        found += [f"the process {one.name}" for one in children]
    return found


def finish(*, joins_threads: bool = True) -> None:
    """Does all that the end of an interpreter does, but for the end itself.

    What raises is printed, as an interpreter does, and the rest is done: an interrupt ends a wait
    for threads or one exit handler alone.

    Args:
        joins_threads: whether threads that are no daemons are waited for.
    """
    stages = [exit_handlers.run, _finalize, interpreter.flush_output, _flush_all_c_streams]
    if joins_threads:
        stages.insert(0, _join_threads)
    while stages:
        try:
            while stages:
                stages.pop(0)()
        except BaseException as error:  # noqa: BLE001 (of the user's code)
            _report(error)


def finish_within(cancellation: Cancellation) -> bool:
    """Does what `finish` does; returns whether the run was cancelled before or meanwhile.

    After a cancellation in a solid the end is as after one before: an interpreter that was
    interrupted calls its exit handlers, too.
    """
    was_cancelled = cancellation.take()
    try:
        with cancellation:
            finish()
    except KeyboardInterrupt:
        was_cancelled = True
    return cancellation.take() or was_cancelled


def _join_threads() -> None:
    threading: Any = loaded("threading")
    if threading is not None:
        threading._shutdown()


def _report(error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):  # the run says so
        return
    try:
        sys.stderr.write("Exception ignored at the end of the process:\n")
        late("traceback").print_exception(type(error), error, error.__traceback__)
    except BaseException:  # noqa: BLE001, S110 (the user's code may have put anything there)
        pass


#: Objects that were finalized, and are kept so that none is finalized twice.
_ended: list[Any] = []

#: A finalizer may leave more objects; not without end.
_ROUNDS = 5


def _finalize() -> None:
    """Has objects end as the interpreter's last collection does: all while all names still exist.

    What a thread that goes on has in its hands is left alone: an interpreter would stop the thread
    there. Objects of installed packages may have C code that ends them, so that what holds them is
    cleared at last.
    """
    known: set[int] = set()
    has_foreign = False
    for _ in range(_ROUNDS):
        left = [each for each in _left() if id(each[1]) not in known]
        has_foreign = has_foreign or any(kind == "foreign" for kind, _ in left)
        known.update(id(found) for _, found in left)
        if all(kind == "foreign" for kind, _ in left):
            break
        _end_all(left)
    if has_foreign and len(sys._current_frames()) == 1:
        _clear_modules()


def _left() -> list[tuple[str, Any]]:
    """Finds what the user's code has left to finalize."""
    return [each for each in living.objects(living.kind_of_left) if living.is_left(*each)]


def _end_all(left: list[tuple[str, Any]]) -> None:
    """Finalizes objects: their own code first, then files, each before the one that it wraps."""
    held = _held_by_threads()
    files = []
    for kind, found in left:
        if kind == "foreign":
            continue
        _ended.append(found)
        if kind == "file":
            files.append(found)
        elif id(found) not in held:
            _end(found.close if kind == "generator" else partial(type(found).__del__, found))
    files.sort(key=living.depth)
    for file in files:
        _end(file.flush)
    for file in files:
        if id(file) not in held and not living.is_standard(file):
            own = living.has_finalizer(type(file))
            _end(partial(type(file).__del__, file) if own else file.close)


def _end(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 (the user's)
        _report(error)


def _held_by_threads() -> set[int]:
    """Returns the ids of what other threads' functions have in their variables."""
    own = get_ident()
    held: set[int] = set()
    for thread, frame in sys._current_frames().items():
        found: FrameType | None = frame
        while thread != own and found is not None:
            held.update(map(id, found.f_locals.values()))
            found = found.f_back
    return held


def _clear_modules() -> None:
    """Has the user's modules forget what they hold, as the interpreter does."""
    modules = [(name, one) for name, one in list(sys.modules.items()) if is_user_module(one)]
    for name, _ in modules:
        del sys.modules[name]
    namespaces = [vars(module) for _, module in modules]
    modules.clear()
    gc.collect()
    while namespaces:
        _clear(namespaces.pop())
    gc.collect()


def _clear(namespace: dict[str, Any]) -> None:
    """Forgets what a module holds, private names first, as the interpreter does."""
    for is_private in (True, False):
        for name in list(namespace):
            begins_private = name[:1] == "_" and name[1:2] != "_"
            if name != "__builtins__" and begins_private is is_private:
                namespace[name] = None


#: The last module that was looked at for extensions, and whether one was found.
_looked_at = ("", False)


def has_extensions() -> bool:
    """Returns whether there is C code beside Python's own.

    Looks at what was imported since the last call alone: a template has called it, too, and a fork
    that looked at all modules would make a copy of their memory.
    """
    global _looked_at  # noqa: PLW0603 (of the process)
    last, is_found = _looked_at
    if not is_found:
        fresh = modules_since(last)
        is_found = any(_is_foreign_extension(sys.modules.get(name)) for name in fresh)
        _looked_at = last_module(), is_found
    return is_found


def _flush_all_c_streams() -> None:
    """Flushes what C code has printed by stdio, where there is C code beside Python's own."""
    ctypes: Any = loaded("ctypes")
    if ctypes is None:
        if not has_extensions():
            return
        try:
            ctypes = late("ctypes")
        except ImportError:
            return
    flush_c_streams()


def flush_c_streams() -> None:
    """Flushes what C code has printed by stdio, where ctypes was imported.

    Before a fork, which would print it again.
    """
    ctypes: Any = loaded("ctypes")
    if ctypes is None:
        return
    try:
        ctypes.pythonapi.fflush(None)  # made already
    except Exception:  # noqa: BLE001, S110 (the user's own ctypes)
        pass


def _is_foreign_extension(module: ModuleType | None) -> bool:
    file = living.file_of(module)
    return file.endswith(".so") and "lib-dynload" not in file
