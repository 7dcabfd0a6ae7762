"""The standard library, which hostler finds whatever the user's folders hold.

A project may have a file of the name of a module of Python's, a `token.py` or a `signal.py`. Where
the user's code imports it, it gets its file, as everywhere in Python. Where hostler imports the
name, or the standard library does so on hostler's behalf, the file is passed over. All that is
imported late, by anything below `hostler`, would find it otherwise.
"""

from __future__ import annotations

import os
import sys

# importlib.machinery, too, may be a file of the user's
from _frozen_importlib import BuiltinImporter, FrozenImporter
from _frozen_importlib_external import PathFinder

from hostler.definitions import _late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import FrameType
    from typing import Any, Iterable

#: Where hostler's own code lies.
_OWN = __file__.rsplit("/", 2)[0] + "/"
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
#: Imports what workspace.yaml names, which is the user's.
_OF_THE_USER = "_load_module"
_PASSED_OVER = (_OWN + "host/finder.py", _OWN + "host/generators.py", __file__)

#: Of these the process has one: the interpreter itself looks for them, or keeps state in them.
_SINGLE = frozenset(
    {
        "_zoneinfo",
        "threading",
        "signal",
        "weakref",
        "importlib",
        "warnings",
        "types",
        "copyreg",
        "abc",
        "typing",
        "zoneinfo",
    }
)

#: What the library of 3.8 and 3.9 tries to import where it does without.
_ABSENT = frozenset({"_winapi", "msvcrt", "nt", "winreg", "org", "java", "_overlapped", "_scproxy"})

#: What hostler itself has imported: not what a template imports for the users' code.
_imported: set[str] = set()
#: What the interpreter had imported before hostler, and what hostler has imported or may import
#: late: where the user's code takes such a name, others find its module.
_in_use: set[str] = set()
#: Those of the standard library; none before `install`.
_folders: list[str] = []


class Guard:
    """Stands first on `sys.meta_path`, and answers for what hostler itself imports alone."""

    def find_spec(
        self,
        fullname: str,
        path: Any = None,
        target: Any = None,  # noqa: ARG002 (the protocol)
    ) -> ModuleSpec | None:
        return find_for_hostler(fullname, path)


def find_for_hostler(fullname: str, path: Any = None) -> ModuleSpec | None:
    """Returns where the standard library has a module; None where the user's code imports it.

    Args:
        fullname: its name.
        path: where to look for it, which only a submodule has.
    """
    if path is not None or not _folders or not _is_for_hostler(sys._getframe(1)):
        return None
    found = (
        BuiltinImporter.find_spec(fullname)
        or FrozenImporter.find_spec(fullname)
        or PathFinder.find_spec(fullname, _folders)
    )
    if found is None and (fullname in _ABSENT or fullname in names()):  # of another platform
        raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
    return found


def _is_for_hostler(frame: FrameType | None) -> bool:
    """Returns whether hostler imports, or the standard library where hostler has called it."""
    while frame is not None:
        file = frame.f_code.co_filename
        is_library = file.startswith(_LIBRARY) and "-packages" + os.sep not in file
        if not (is_library or file.startswith("<frozen ") or file in _PASSED_OVER):
            return file.startswith(_OWN) and frame.f_code.co_name != _OF_THE_USER
        frame = frame.f_back
    return False


def install(at_start: Iterable[str]) -> None:
    """Has hostler's imports find the standard library from here on, in this process and its forks.

    Args:
        at_start: the names of the modules that the interpreter has imported before.
    """
    _in_use.update(sys.modules)
    _imported.update(set(sys.modules).difference(at_start))
    _folders[:] = _library_folders()
    sys.meta_path.insert(0, Guard())


def is_in_use(name: str) -> bool:
    """Returns whether a module of the library has users beside the code of the location.

    The same for a bare interpreter and for a fork of a template, whatever that has imported.
    """
    hold()
    if name in _in_use or name in sys.builtin_module_names:
        return True
    return not _folders and name in sys.modules


def _library_folders() -> list[str]:
    """Returns the entries of `sys.path` that hold the standard library."""
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    folder = _LIBRARY[: -len(os.sep)]
    return [folder] + [
        entry
        for entry in sys.path
        if entry != folder and os.path.basename(entry) in ("lib-dynload", archive)
    ]


_names: frozenset[str] = frozenset()


def names() -> frozenset[str]:
    """Returns the names of the standard library's top-level modules."""
    global _names  # noqa: PLW0603 (a cache)
    if not _names:
        known = getattr(sys, "stdlib_module_names", None)  # 3.10 and later
        _names = known if known is not None else _listed_names()
    return _names


def _listed_names() -> frozenset[str]:
    found = set(sys.builtin_module_names)
    for folder in _library_folders():
        try:
            found.update(name.partition(".")[0] for name in os.listdir(folder))
        except OSError:  # the archive, which hardly any Python has
            pass
    return frozenset(found)


def make_way(folders: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Lets the user's code import its own files of the names of modules that hostler has imported.

    What a bare interpreter has imported at its start, it does not find anew either.

    Args:
        folders: those of the user's that come before the standard library on `sys.path`, each with
            the names in it.
    """
    if not _folders:
        return
    hidden = {
        name for folder, listed in folders for name in _modules(folder, listed) if name in names()
    }
    if not hidden:
        return
    hold()
    for name in list(_imported):
        top = name.partition(".")[0]
        if top in hidden - _SINGLE and top not in sys.builtin_module_names:
            sys.modules.pop(name, None)
            _imported.discard(name)


def is_library(folder: str) -> bool:
    """Returns whether an entry of `sys.path` is the standard library's."""
    return folder + os.sep == _LIBRARY


def prepare_for(name: str) -> None:
    """Is told of each top-level module of the user's before its import."""
    if _folders and name in names():
        hold()


def hold() -> None:
    """Imports all that hostler may import later, before a module of the user's takes a name."""
    if _late.is_held():
        return
    before = set(sys.modules)
    _late.hold()
    for package in ("definitions", "host"):
        for name in sorted(os.listdir(_OWN + package)):
            stem, dot, suffix = name.partition(".")
            if dot and suffix == "py" and stem not in ("__init__", "bootstrap"):
                try:
                    __import__(f"hostler.{package}.{stem}")
                except ImportError:  # it serves another version of Python
                    pass
    _imported.update(set(sys.modules) - before)
    _in_use.update(_late.NAMES, _imported)


def _modules(folder: str, listed: Iterable[str]) -> Iterable[str]:
    """Yields the names of the modules and packages in a folder."""
    for name in listed:
        stem, dot, suffix = name.partition(".")
        if dot:
            if suffix == "py" or suffix.endswith("so"):
                yield stem
        elif stem in names() and os.path.isfile(os.path.join(folder, stem, "__init__.py")):
            yield stem
