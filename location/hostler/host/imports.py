"""What a load imports beside the user's own modules, and what it changes in the process.

A template imports the same modules ahead, so that the next process of the location inherits them.
Where the user's code needs a process in a state that no template has, this module says why.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec

from hostler.host import finder
from hostler.host.loader import UserLoader
from hostler.host.sources import clean_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterable


#: Modules, classes, functions of Python and of C.
_PLAIN = (type(sys), type, type(lambda: None), type(len))


#: To go through the modules without a copy of their names, while another thread imports.
_TRIES = 3


class Baseline:
    """Remembers the modules and the environment of the process before the user's code ran."""

    def __init__(self) -> None:
        self._last = last_module()
        self._environ = _environ()

    def imported(self) -> list[str]:
        """Returns the modules that were imported since, in their order, the user's own left out."""
        names = [
            name
            for name in modules_since(self._last)
            if is_preloadable(name, sys.modules.get(name))
        ]
        return names[::-1]

    def variables(self) -> list[str]:
        """Returns the variables of the environment that were set, changed or deleted since."""
        now = _environ()
        changed = now.keys() ^ self._environ.keys()
        changed |= {name for name in now if now[name] != self._environ.get(name, now[name])}
        return sorted(map(os.fsdecode, changed))


def _environ() -> dict[Any, Any]:
    """Returns the variables as `os.environ` keeps them: to decode them costs much in a fork."""
    kept = getattr(os.environ, "_data", None)
    if kept is not None:
        return dict(kept)
    # the user's code has replaced os.environ by another mapping
    return {os.fsencode(str(name)): os.fsencode(str(os.environ[name])) for name in os.environ}


class Preloaded:
    """Remembers what a template has imported, for the forks that inherit it."""

    def __init__(self) -> None:
        self._last = last_module()
        self._tops = frozenset(name for name in sys.modules if "." not in name)

    def shadowed(self) -> list[str]:
        """Modules that were imported although a folder of the user's has another of that name.

        Looks at the entries of `sys.path` as they are now, in their order: a module in an entry
        before the one that the preloaded module came from would have been found first.
        """
        found: list[str] = []
        for position, folder in _users_folders():
            try:
                names = os.listdir(folder)
            except OSError:
                continue
            stems = {name.partition(".")[0] for name in names if _may_be_module(folder, name)}
            hidden = sorted(stems & self._tops)
            # what an interpreter's start has imported from there (sitecustomize) hides nothing
            found.extend(name for name in hidden if not _comes_before(name, position + 1))
        return found

    def report_shadows(self) -> None:
        """Records the files that a look-up of preloaded modules would have looked for in vain.

        So a new file of the project that hides such a module is noticed like any other change.
        """
        used: set[str] = set()
        for name in modules_since(self._last):
            module = sys.modules.get(name)
            loader = getattr(_attribute(module, "__spec__"), "loader", None)
            if module is not None and type(loader) is UserLoader:
                used |= _origins_of_names(module) & self._tops
        for position, folder in _users_folders():
            for name in used:
                if not _comes_before(name, position):
                    finder.record_missing(os.path.join(folder, name + ".py"))
                    finder.record_missing(os.path.join(folder, name, "__init__.py"))
        finder.flush()


def last_module() -> str:
    """Returns the module that was imported last, for `modules_since`."""
    return next(reversed(sys.modules))


def modules_since(last: str) -> list[str]:
    """Returns the modules that were imported after one, the newest first.

    Looks at no others: to touch the names of a thousand makes a megabyte of their pages the
    process's own.
    """
    for _ in range(_TRIES):
        try:
            return _newest(reversed(sys.modules), last)
        except RuntimeError:  # another thread has imported something meanwhile
            pass
    return _newest(reversed(list(sys.modules)), last)


def _newest(names: Iterable[str], last: str) -> list[str]:
    found = []
    for name in names:
        if name == last:
            break
        found.append(name)
    return found


def _users_folders() -> list[tuple[int, str]]:
    """Returns the folders of the user's on `sys.path`, each with its position there."""
    folders = []
    for position, entry in enumerate(list(sys.path)):
        folder = clean_path(entry) if isinstance(entry, str) and entry else ""
        if folder and finder.is_user_path(folder):
            folders.append((position, folder))
    return folders


def is_preloadable(name: str, module: ModuleType | None) -> bool:
    """Returns whether a template may import the module: found by its name, and not the user's."""
    spec = _attribute(module, "__spec__")
    if name == "__main__" or not isinstance(spec, ModuleSpec) or spec.name != name:
        return False
    if type(spec.loader) is UserLoader:  # most of them in a large project
        return False
    if spec.origin in ("built-in", "frozen"):
        return True
    return bool(_places(module)) and not is_user_module(module)


def _attribute(module: ModuleType | None, name: str) -> Any:
    """Returns what a module has by that name; None where it has none."""
    try:
        return getattr(module, name, None)
    except Exception:  # noqa: BLE001 (a lazy module of the user's may do anything here)
        return None


def is_user_module(module: ModuleType | None) -> bool:
    """Returns whether a module, or a part of it, lies in a folder of the user's."""
    return any(finder.is_user_path(clean_path(place)) for place in _places(module))


def _places(module: ModuleType | None) -> list[str]:
    """Returns the file and the folders of a module. What is not absolute is a made-up name."""
    places = [_attribute(module, "__file__")]
    try:
        places.extend(_attribute(module, "__path__") or ())
    except Exception:  # noqa: BLE001 (a lazy module again)
        return []
    return [place for place in places if isinstance(place, str) and os.path.isabs(place)]


def _origins_of_names(module: ModuleType) -> set[str]:
    """Returns the top-level names of the modules that the names in a module come from.

    Looks at plain functions, classes and modules alone: asking anything else may run its code.
    """
    found = set()
    for value in list(vars(module).values()):
        if type(value) in _PLAIN:
            name = value.__name__ if type(value) is type(sys) else value.__module__
            if isinstance(name, str):
                found.add(name.partition(".")[0])
    return found


def _may_be_module(folder: str, name: str) -> bool:
    return name.endswith((".py", ".pyc", ".so")) or (
        "." not in name and os.path.isdir(os.path.join(folder, name))
    )


def _comes_before(name: str, position: int) -> bool:
    """Returns whether the module was found before this position of `sys.path`, or outside of it."""
    module = sys.modules.get(name)
    spec: Any = _attribute(module, "__spec__")
    if spec is None or spec.origin in (None, "built-in", "frozen"):
        return True  # what Python itself finds before it looks at sys.path
    place = os.path.dirname(spec.origin)
    if spec.submodule_search_locations is not None:
        place = os.path.dirname(place)
    return place in sys.path[:position]


def packages() -> dict[str, Any]:
    """Returns where packages lie: {"folders": site-packages, "configuration": pyvenv.cfg}."""
    folders = [
        entry
        for entry in sys.path
        if os.path.basename(entry) in ("site-packages", "dist-packages") and os.path.isabs(entry)
    ]
    configuration = os.path.join(sys.prefix, "pyvenv.cfg")
    return {
        "folders": folders,
        "configuration": configuration if os.path.isfile(configuration) else None,
    }


def spawn_reasons() -> list[str]:
    """Returns why a new interpreter has to load the code, which patches what others import."""
    monkey = sys.modules.get("gevent.monkey")
    if getattr(monkey, "saved", None):
        return ["the code is patched by gevent"]
    patcher = sys.modules.get("eventlet.patcher")
    if getattr(patcher, "already_patched", None):
        return ["the code is patched by eventlet"]
    return []
