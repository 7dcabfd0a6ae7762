"""The template: imports modules once, and is only forked from then on.

It imports modules and calls nothing in them. After each import it checks what the import left
behind. Where a fork cannot inherit that, it reports the module, and the daemon starts another
template without the module.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

from hostler.definitions._late import late
from hostler.host import ending, finder, fitness, forks, generators, imports, interpreter, rehearsal
from hostler.host.imports import is_user_module
from hostler.host.sources import UserPaths, clean_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence


#: What the host itself imports late in a new interpreter, to start it in 16 ms; of use for runs and
#: tracebacks.
HOST_MODULES = (
    "hostler.definitions",
    "hostler.definitions._step_caller",
    "hostler.definitions._execution_state",
    "hostler.definitions._engine",
    "hostler.definitions._preview",
    "hostler.definitions._run_config",
    "hostler.definitions._selection",
    "hostler.host.concurrency",
    "hostler.host.steps",
    "hostler.host.timed_calls",
    "importlib.util",
    "linecache",
    "traceback",
)


#: Libraries that a template imports before all others. Each was seen to bear a fork, as long as it
#: was only imported: their threads have handlers of their own for forks. Because they come first, a
#: further thread or descriptor is of whoever is imported when it appears.
IMPORTED_FIRST = (
    *("numpy", "scipy", "pandas", "pyarrow", "sklearn"),
    *("_polars_runtime_32", "_polars_runtime_64", "_polars_runtime_compat", "polars"),
)


class UnsafeError(Exception):
    """Raised where a module leaves behind what a fork cannot inherit.

    Attributes:
        module: the top-level name that it was imported by.
        reason: what it left.
    """

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(f"{module}: {reason}")
        self.module = module
        self.reason = reason


class ForkCheck:
    """Compares threads, descriptors and variables of the process after each import."""

    def __init__(self) -> None:
        self._threads = fitness.native_threads()
        self._descriptors = fitness.open_files()
        generators.watch()
        self._note_generators()
        self._environ = dict(os.environ)
        #: Variables that modules have set, by the module's top-level name.
        self.variables: dict[str, list[str]] = {}

    def _note_generators(self) -> None:
        self._generators = {id(found) for _, found in generators.found()}
        self._used = generators.seeded()

    def _check_generators(self, top: str) -> None:
        """A generator that is copied would draw the same in each fork."""
        made = {kind for kind, found in generators.found() if id(found) not in self._generators}
        if made:
            raise UnsafeError(top, f"it makes a {min(made)} when it is imported")
        used = [name for name in generators.seeded() if name not in self._used]
        if used:
            raise UnsafeError(top, f"it seeds or uses {used[0]} when it is imported")

    def after_import(self, top: str) -> None:
        """Looks at what an import has left.

        Args:
            top: the top-level name of what was imported.

        Raises:
            UnsafeError: a fork cannot inherit it.
        """
        threads, descriptors = fitness.native_threads(), fitness.open_files()
        if top not in IMPORTED_FIRST:
            if len(sys._current_frames()) > 1:
                raise UnsafeError(top, "it starts a Python thread when it is imported")
            if threads > self._threads:
                raise UnsafeError(top, "it starts a native thread when it is imported")
            for descriptor, link in descriptors.items():
                is_new = self._descriptors.get(descriptor) != link
                if is_new and not fitness.is_reopenable(descriptor):
                    raise UnsafeError(
                        top, f"it opens a {fitness.kind_of(link)} when it is imported"
                    )
            if fitness.shares_memory():
                raise UnsafeError(top, "it shares memory when it is imported")
            if fitness.has_child():
                raise UnsafeError(top, "it starts a process when it is imported")
            self._check_generators(top)
        self._threads, self._descriptors = threads, descriptors
        self._note_generators()
        environ = dict(os.environ)
        if environ != self._environ:
            changed = {
                name
                for name in environ.keys() | self._environ.keys()
                if environ.get(name) != self._environ.get(name)
            }
            self.variables.setdefault(top, []).extend(sorted(changed))
            self._environ = environ


def preload(
    modules: Sequence[str], excluded: Sequence[str], *, is_last: bool = True
) -> dict[str, Any]:
    """Imports modules in their order, but for those below the excluded top-level names.

    Passes over a module that cannot be imported: the code that wants it will raise.

    Args:
        is_last: whether the process only forks from now on; else another such order follows.

    Returns:
        {"loaded": the count of new modules, "variables": {top-level name: those that it set},
        "files": sources of installed modules, any change of which outdates the template}, or
        {"unsafe": {"module", "reason"}} where this process is of no use, with module "" where no
        single one is to blame.
    """
    before = len(sys.modules)
    try:
        with _without_users_code():
            check = _import_all([*modules, *(HOST_MODULES if is_last else ())], set(excluded))
            if is_last:
                _rehearse()
        if is_last:
            _send_canary()
    except UnsafeError as error:
        return {"unsafe": {"module": error.module, "reason": error.reason}}
    loaded = len(sys.modules) - before
    if not is_last:
        return {"loaded": loaded, "variables": check.variables, "files": []}
    ending.has_extensions()  # so that no fork has to look
    generators.watch()
    gc.collect()
    interpreter.trim_memory()
    gc.freeze()
    return {"loaded": loaded, "variables": check.variables, "files": _installed_sources()}


def _rehearse() -> None:
    try:
        rehearsal.rehearse(rehearsal.MAX_BYTES, (), lambda: False, imports.Preloaded())
    except Exception:  # noqa: BLE001 (a fault of hostler, logged; forks do not need it)
        late("traceback").print_exc()


def _installed_sources() -> list[str]:
    """Returns the sources of installed modules, without Python's own: an upgrade changes more."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    # not the ones that forks drop: to free what those remember copies its pages
    users = UserPaths()
    return sorted(
        file
        for file in files
        if isinstance(file, str)
        and file.endswith(".py")
        and os.path.isabs(file)
        # the user's: a sitecustomize, which an interpreter's start has imported
        and ("site-packages" in file or "dist-packages" in file or file in users)
    )


def _import_all(modules: Sequence[str], excluded: set[str]) -> ForkCheck:
    check = ForkCheck()
    first = [top for top in IMPORTED_FIRST if any(_top(name) == top for name in modules)]
    for name in (*first, *modules):
        top = _top(name)
        if name in sys.modules or top in excluded:
            continue
        known = set(sys.modules)
        _import(name, top)
        fresh = [one for one in list(sys.modules) if one not in known]
        foreign = [one for one in fresh if is_user_module(sys.modules.get(one))]
        if foreign:
            raise UnsafeError(top, f"it imports {foreign[0]}, which is code of the project")
        check.after_import(top)
    return check


def _top(name: str) -> str:
    return name.partition(".")[0]


def _send_canary() -> None:
    if not forks.canary_survives():
        raise UnsafeError("", "a forked child did not end within 2 s")


def _import(name: str, top: str) -> None:
    try:
        importlib.import_module(name)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise UnsafeError(top, "it ends the process when it is imported") from None
    except BaseException:  # noqa: BLE001, S110 (left to the user's code, which may never need it)
        pass


class _without_users_code:  # noqa: N801 (a context manager that reads as a phrase)
    """Hides the user's folders from the import system meanwhile, editable installs among them."""

    def __enter__(self) -> None:
        self._path = _taken_out(sys.path, _is_users_entry)
        self._meta_path = _taken_out(sys.meta_path, _is_editable)

    def __exit__(self, *_: object) -> None:
        # what a library has added stays, as it does in a new interpreter
        for place, taken in ((sys.path, self._path), (sys.meta_path, self._meta_path)):
            for index, one in taken:
                place.insert(index, one)


def _taken_out(place: list[Any], is_meant: Callable[[Any], bool]) -> list[tuple[int, Any]]:
    """Takes what is meant out of a list; each with its index there."""
    taken = [(index, one) for index, one in enumerate(place) if is_meant(one)]
    place[:] = [one for one in place if not is_meant(one)]
    return taken


def _is_users_entry(entry: object) -> bool:
    return not (isinstance(entry, str) and entry) or finder.is_user_path(clean_path(entry))


def _is_editable(one: object) -> bool:
    """setuptools puts a finder there for an editable install, from a module of this name."""
    module = getattr(one, "__module__", None) or type(one).__module__
    return module.startswith("__editable__")
