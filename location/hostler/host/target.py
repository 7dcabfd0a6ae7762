"""The target of a location: a file, a module or a package, and how it is imported."""

from __future__ import annotations

import os
import stat
import sys
from importlib.machinery import ModuleSpec, PathFinder

from hostler.definitions._late import late
from hostler.host import finder, standard
from hostler.host.errors import TargetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Iterable, Mapping, Sequence


#: The first two lines of a source, where it may declare its encoding, are hardly ever longer.
_HEAD = 4096


def load_target(target: Mapping[str, str | None]) -> ModuleType:
    """Imports the user's code as its entry of workspace.yaml names it.

    Args:
        target: {"kind": "python_file" | "python_module" | "python_package", "value": a path or a
            dotted name, "working_directory": a folder, or None to change nothing}. The folder
            becomes the process's working directory and the first entry of `sys.path`.

    Raises:
        TargetError: the target itself cannot be used.
        BaseException: whatever the user's code raises at import, SystemExit among it.
    """
    kind, value = target["kind"], target["value"]
    if not value:
        raise TargetError(f"cannot load a {kind} without a name; name one in workspace.yaml")
    if kind == "python_file":
        value = os.path.abspath(value)
    try:
        finder.claim_projects(folders(target))
        if kind == "python_file":
            _claim_file(value)  # first: the usual working_directory is its folder
        _enter(target.get("working_directory"))
        standard.make_way(finder.folders_before_library())
        if kind == "python_file":
            return _load_file(value)
        if kind in ("python_module", "python_package"):
            return _load_module(kind, value)
    finally:
        finder.flush()
    raise TargetError(
        f"cannot load a target of the kind {kind!r}; "
        "it is one of python_file, python_module, python_package"
    )


def folders(target: Mapping[str, str | None]) -> list[str]:
    """Returns the folders that a target names: its file's, and its working directory."""
    given = [target.get("working_directory")]
    if target["kind"] == "python_file" and target["value"]:
        given.append(os.path.dirname(os.path.abspath(target["value"])))
    return [os.path.abspath(folder) for folder in given if folder]


def _enter(folder: str | None) -> None:
    if folder is None:
        return
    folder = os.path.abspath(folder)
    try:
        os.chdir(folder)
    except OSError as error:
        raise TargetError(
            f"cannot enter the working_directory {folder}: {error.strerror}; "
            "name a folder that exists and may be entered"
        ) from None
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)


def _claim_file(path: str) -> None:
    """Counts the file as the user's wherever it lies, and sees whether it is one."""
    if not finder.is_user_path(path):
        finder.add_user_path(path)
    if not finder.is_overlaid(path):
        _check_file(path)


def _load_file(path: str) -> ModuleType:
    name = _module_name(path)
    loader = finder.user_loader(name, path)
    try:
        source = loader.get_data(path)
    except OSError as error:
        raise TargetError(
            f"cannot read python_file {path}: {error.strerror}; let the daemon's user read it"
        ) from None
    _check_text(path, source)
    loader.use_cached_code(source)
    spec = ModuleSpec(name, loader, origin=path)
    spec.has_location = True
    return _execute(spec)


def _execute(spec: ModuleSpec) -> ModuleType:
    before = sys.modules.get(spec.name)
    module: ModuleType = late("importlib.util").module_from_spec(spec)  # its imports cost 2 ms
    sys.modules[spec.name] = module
    assert spec.loader is not None
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(spec.name, None)
        if before is not None:
            sys.modules[spec.name] = before
        raise
    return sys.modules.get(spec.name, module)  # a module may put another in its own place


def _module_name(path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    # A dot would make a submodule of it, and pickle would look for the package.
    name = stem.replace(".", "_")
    if is_standard(name) and standard.is_in_use(name):
        why = "a module of the standard library has that name, and Python itself or hostler uses it"
    elif name == "hostler":
        why = "hostler's own definitions are imported by that name"
    elif name == "__main__":
        why = "that name belongs to the program that runs"
    else:
        return name
    raise TargetError(
        f"cannot load python_file {path} as module {name!r}: {why}; "
        f"rename the file, for example to {name.strip('_')}_repository.py"
    )


def _check_file(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        # not as it is by now: a save may have just put it there, and that would be no change
        finder.record_missing(path)
        raise TargetError(f"cannot find python_file {path}: {_why_not(path, error)}") from None
    if stat.S_ISREG(mode):
        return
    finder.record_missing(path)
    if stat.S_ISDIR(mode):
        raise TargetError(
            f"cannot load python_file {path}: it is a folder; "
            "name a file in it, or name it as python_package"
        )
    raise TargetError(f"cannot load python_file {path}: it is not a regular file")


def _why_not(path: str, error: OSError) -> str:
    folder, base = os.path.split(path)
    if isinstance(error, NotADirectoryError):
        return f"{error.strerror}: there is no folder {folder}"
    if not isinstance(error, FileNotFoundError):
        return f"{error.strerror}; let the daemon's user enter its folder"
    if os.path.islink(path):
        return f"it is a link to {os.readlink(path)}, which does not exist"
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    return f"there is no {base} in {folder}{_did_you_mean(base, _listing(folder))}"


def _check_text(path: str, source: bytes) -> None:
    try:
        if not source.isascii() or b"coding" in source[:_HEAD]:
            late("importlib.util").decode_source(source)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise TargetError(
            f"cannot read python_file {path}: byte 0x{source[error.start]:02x} on line {line} is "
            f"not {error.encoding}; save it as UTF-8, or declare its encoding on the first line"
        ) from None
    except SyntaxError as error:
        raise TargetError(
            f"cannot read python_file {path}: {error.msg}; save it as UTF-8"
        ) from None
    if b"\0" in source:
        raise TargetError(
            f"cannot read python_file {path}: it contains null bytes, so it is no Python source"
        )


def _load_module(kind: str, name: str) -> ModuleType:
    parts = name.split(".")
    if not all(part.strip() for part in parts):
        raise TargetError(
            f"cannot import {kind} {name!r}: write a dotted name, as in package.module"
        )
    if any(part.endswith(".py") or os.sep in part for part in (name, *parts)):
        raise TargetError(
            f"cannot import {kind} {name!r}: it looks like a path; name it as python_file"
        )
    _claim(parts)
    try:
        made: ModuleType = sys.modules["importlib"].import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name
        if not missing or not f"{name}.".startswith(f"{missing}."):
            raise
        message = f"cannot find {kind} {name!r}: {_where_missing(missing, parts)}"
    else:
        return made
    raise TargetError(message)


def _claim(parts: list[str]) -> None:
    """Counts the target's package as the user's where it is installed in a site-packages.

    Of a namespace that several distributions share, only the portion that is the target's.
    """
    path: Sequence[str] | None = None
    for index in range(len(parts)):
        try:
            spec = PathFinder.find_spec(".".join(parts[: index + 1]), path)
        except (ImportError, ValueError):
            return
        if spec is None:
            return
        if spec.origin is not None and spec.has_location:
            origin = os.path.abspath(spec.origin)
            is_package = spec.submodule_search_locations is not None
            if not finder.is_user_path(origin) and not is_standard(parts[0]):
                finder.add_user_path(os.path.dirname(origin) if is_package else origin)
            return
        path = list(spec.submodule_search_locations or ())


def _where_missing(missing: str, parts: list[str]) -> str:
    parent, _, tail = missing.rpartition(".")
    if parent:
        return _where_no_submodule(parent, tail)
    own = [entry for entry in sys.path if finder.is_user_path(os.path.abspath(entry))]
    names = {name for entry in own or sys.path for name in _modules_in(entry)}
    near = _did_you_mean(tail, names)
    hint = ""
    if is_standard(parts[0]):
        hint = "; the standard library has a module of that name, so rename yours"
    place = f"in {', '.join(own)} nor " if own else ""
    remedy = "; install it there, or set working_directory to the folder that holds it"
    return (
        f"there is no {tail!r} {place}among what is installed for {sys.executable}"
        f"{near}{hint}{'' if own and (near or hint) else remedy}"
    )


def _where_no_submodule(parent: str, tail: str) -> str:
    module = sys.modules.get(parent)
    path = getattr(module, "__path__", None)
    if path is None:
        place = getattr(module, "__file__", None) or "part of Python"
        return f"{parent} ({place}) is a module, not a package, and holds no {tail!r}"
    folders = list(path)
    near = _did_you_mean(tail, {name for folder in folders for name in _modules_in(folder)})
    return f"there is no {tail!r} in {', '.join(folders)}{near}"


def _listing(folder: str) -> list[str]:
    try:
        return os.listdir(folder or os.curdir)
    except OSError:
        return []


def _modules_in(folder: str) -> Iterable[str]:
    for entry in _listing(folder):
        stem, suffix = os.path.splitext(entry)
        is_module = suffix == ".py" or (not suffix and os.path.isdir(os.path.join(folder, entry)))
        if is_module and stem.isidentifier() and not stem.startswith("_"):
            yield stem


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = late("difflib").get_close_matches(name, sorted(set(known)), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def warnings(target: Mapping[str, str | None]) -> list[str]:
    """Returns what the user should know of a target that loads all the same."""
    path = target["value"] or ""
    name = os.path.splitext(os.path.basename(path))[0]
    if target["kind"] != "python_file" or not is_standard(name):
        return []
    text = (
        f"{path} has the name of a module of the standard library: whatever imports {name!r} in "
        "this location gets the file; rename it, for example to "
        f"{name.strip('_')}_repository.py"
    )
    return [text]


def is_standard(name: str) -> bool:
    """Returns whether the standard library has a top-level module of this name."""
    known = getattr(sys, "stdlib_module_names", None)  # 3.10 and later
    if known is not None:
        return name in known
    if name in sys.builtin_module_names:
        return True
    library = os.path.dirname(os.path.abspath(os.__file__))
    dynamic = [entry for entry in sys.path if os.path.basename(entry) == "lib-dynload"]
    try:
        return PathFinder.find_spec(name, [library, *dynamic]) is not None
    except (ImportError, ValueError):
        return False
