"""Finders of the user's own modules; they record what they find, and what they do not.

A path hook serves the folders that belong to the user: all but the standard library, the
site-packages and this runtime. There every source is read and compiled anew, never taken from a
pyc: two saves of one size within one second would otherwise serve the older code. Each file that
was opened, and each that was looked for in vain, is reported, so that a change to any of them can
reload the location and no other.

Nothing is cached between two look-ups: importlib's own finder trusts a folder's mtime, which two
files created within one tick share.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

from hostler.host import file_events, late_imports, standard
from hostler.host.loader import UserLoader
from hostler.host.sources import (
    SourceRecorder,
    UserPaths,
    clean_path,
    is_below_packages,
    set_current_recorder,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

    from hostler.host.sources import Report


class UserFinder(FileFinder):
    """Finds modules in one folder of the user's.

    Derived from importlib's finder: pkgutil and others recognize a folder's finder by its class.
    """

    def __init__(self, path: str, sources: SourceRecorder, names: set[str] | None = None) -> None:
        super().__init__(
            path,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (SourceFileLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )
        self._sources = sources
        #: Where the folder is shared with others' packages: the names that are the user's.
        self._names = names

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        tail = fullname.rpartition(".")[2]
        if self._names is not None and tail not in self._names:
            return super().find_spec(fullname, target)
        if not tail or os.sep in tail or "\0" in tail:
            return None
        base = self.path + os.sep + tail
        init = base + os.sep + "__init__"
        if self._sources.listing(self.path).has_plain_source(tail):
            self._sources.record_missing(init + ".py")
            return self._source_spec(fullname, base + ".py", None)
        if self._sources.overlay:
            for stem, locations in ((init, [base]), (base, None)):
                if self._sources.overlay.get(stem + ".py") is not None:
                    return self._source_spec(fullname, stem + ".py", locations)
        is_folder = self._sources.is_folder(base)
        found = self._find(fullname, init, [base]) if is_folder else None
        if found is None:
            self._sources.record_missing(init + ".py")
            found = self._find(fullname, base, None)
        if found is None:
            self._sources.record_missing(base + ".py")
            if is_folder:
                found = ModuleSpec(fullname, None, is_package=True)
                found.submodule_search_locations = [base]
        return found

    def _find(self, fullname: str, stem: str, locations: list[str] | None) -> ModuleSpec | None:
        for suffix in EXTENSION_SUFFIXES:
            if self._sources.is_file(stem + suffix):
                self._sources.record_file(stem + suffix)
                loader = ExtensionFileLoader(fullname, stem + suffix)
                return _spec(fullname, stem + suffix, loader, locations)
        if self._sources.is_file(stem + ".py"):
            return self._source_spec(fullname, stem + ".py", locations)
        if self._sources.is_file(stem + ".pyc"):
            self._sources.record_file(stem + ".pyc")
            sourceless = SourcelessFileLoader(fullname, stem + ".pyc")
            return _spec(fullname, stem + ".pyc", sourceless, locations)
        return None

    def _source_spec(self, fullname: str, path: str, locations: list[str] | None) -> ModuleSpec:
        loader = UserLoader(fullname, path, self._sources)
        loader.use_cached_code()
        return _spec(fullname, path, loader, locations)


def _spec(fullname: str, path: str, loader: Any, locations: list[str] | None) -> ModuleSpec:
    spec = ModuleSpec(fullname, loader, origin=path)
    spec.has_location = True
    spec.submodule_search_locations = locations
    if path.endswith(".py"):
        spec.cached = _cached(path)
    return spec


def _cached(path: str) -> str | None:
    """Returns where importlib would keep a pyc, in less time than importlib takes to say it."""
    tag = sys.implementation.cache_tag
    if sys.pycache_prefix is not None or sys.flags.optimize or tag is None:
        return None  # importlib works it out
    folder, name = os.path.split(path)
    return f"{folder}{os.sep}__pycache__{os.sep}{name[:-3]}.{tag}.pyc"


class UserMetaFinder:
    """Stands first on `sys.meta_path` and asks the others in their order.

    It handles two things that no path hook sees. Where no finder finds a module, it reports the
    look-ups at once, since the failed import may end the process. Where another finder finds a
    source of the user's, as those of editable installs do, it replaces the loader.
    """

    def __init__(self, sources: SourceRecorder, announce: Callable[[str], object] | None) -> None:
        self._sources = sources
        self.announce = announce
        self._active: set[tuple[int, str]] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        mark = (get_ident(), fullname)
        if mark in self._active:  # another finder that asks all others, this one among them
            return None
        self._active.add(mark)
        try:
            for finder in list(sys.meta_path):
                find = None if finder is self else getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find(fullname, path, target) if find else None
                if spec is not None:
                    if path is None and type(spec.loader) is UserLoader:
                        standard.prepare_for(fullname)
                    announce = self.announce
                    if announce is not None and _is_installed_package(spec):
                        announce(fullname)
                    return spec if finder is PathFinder else self._adopt(spec)
        finally:
            self._active.discard(mark)
        self._sources.flush()
        return None

    def invalidate_caches(self) -> None:
        """Has imports find what is on disk; importlib calls this for code that has made modules."""
        late_imports.thaw()

    def _adopt(self, spec: ModuleSpec) -> ModuleSpec:
        loader = spec.loader
        if type(loader) is SourceFileLoader and loader.path in self._sources.user_paths:
            spec.loader = UserLoader(loader.name, loader.path, self._sources)
        return spec


def _is_installed_package(spec: ModuleSpec) -> bool:
    return (
        "." not in spec.name
        and type(spec.loader) is not UserLoader
        and isinstance(spec.origin, str)
        and "-packages" + os.sep in spec.origin
    )


class _Installation:
    """The path hook and the meta path finder of this process."""

    def __init__(self, sources: SourceRecorder, announce: Callable[[str], object] | None) -> None:
        self.sources = sources
        self.imports = UserMetaFinder(sources, announce)
        self.hook = self.find_folder
        sys.path_hooks.insert(0, self.hook)
        sys.meta_path.insert(0, self.imports)

    def find_folder(self, path: str) -> UserFinder:
        """Makes a finder for a folder of the user's, as a path hook; also before it exists."""
        if isinstance(path, str):
            folder = clean_path(path)
            if folder in self.sources.user_paths and (
                os.path.isdir(path) or not os.path.exists(path)
            ):
                return UserFinder(folder, self.sources)
            names = self.sources.user_paths.shared.get(folder)
            if names:
                return UserFinder(folder, self.sources, names)
        raise ImportError("not a folder of the user's", path=path)

    def forget_folders(self) -> None:
        """Drops cached finders that are now ours to serve, and the others' listings.

        importlib.invalidate_caches() would load importlib.metadata for it.
        """
        for path, finder in list(sys.path_importer_cache.items()):
            folder = clean_path(path)
            if folder in self.sources.user_paths or folder in self.sources.user_paths.shared:
                sys.path_importer_cache.pop(path, None)
            else:
                getattr(finder, "invalidate_caches", int)()

    def remove(self) -> None:
        sys.path_hooks.remove(self.hook)
        sys.meta_path.remove(self.imports)
        self.forget_folders()


_user_paths = UserPaths()
_installed: _Installation | None = None


def cache_listings(*, on: bool) -> None:
    """Begins or ends the time in which a load lists each folder once; see `Sources.listing`."""
    _current().sources.cache_listings(on=on)


def begin_file_events(roots: Iterable[str]) -> None:
    """Records what a load opens and lists by itself, unless it loads an overlay.

    Args:
        roots: the folders of the target.
    """
    sources = _current().sources
    if sources.overlay:
        file_events.refuse_pycs(sources)
    else:
        file_events.begin(sources, roots)


def install(
    report: Report,
    overlay: Mapping[str, bytes | None] | None = None,
    extra_paths: Iterable[str] = (),
    *,
    is_fork: bool = False,
    announce: Callable[[str], object] | None = None,
) -> None:
    """Puts the recording finder first, in place of one that was installed before.

    Args:
        report: see `hostler.host.sources.Report`; opened files come at once,
            each with the misses before it.
        overlay: contents to load in place of those on disk, by path; None for a file to hide.
        extra_paths: folders and files that are the user's although they lie in a site-packages.
        is_fork: whether this process is a fork of a template. A template looks into no folder of
            the user's, and to go through its cached finders would copy their memory pages.
        announce: is called with the name of each installed top-level module before its import.
    """
    global _installed, _user_paths  # noqa: PLW0603  # one process imports in one way
    if _installed is not None:
        _installed.remove()
    _user_paths = UserPaths(extra_paths)
    recorder = SourceRecorder(report, overlay or {}, _user_paths)
    _installed = _Installation(recorder, announce)
    set_current_recorder(recorder)
    if not is_fork:
        _installed.forget_folders()


def end_announcements() -> None:
    """Stops announcing modules once the load is over: nobody needs to know of later imports."""
    _current().imports.announce = None


def uninstall() -> None:
    """Takes away what `install` has put in a fork; no folder of the user's was looked into."""
    global _installed, _user_paths  # as in `install`
    if _installed is not None:
        file_events.forget()
        sys.path_hooks.remove(_installed.hook)
        sys.meta_path.remove(_installed.imports)
        _installed, _user_paths = None, UserPaths()
        set_current_recorder(None)


def is_installed() -> bool:
    """Returns whether this process has loaded, or tried to; a template has not."""
    return _installed is not None


def _current() -> _Installation:
    if _installed is None:
        raise RuntimeError("cannot load the user's code: the recording finder is not installed")
    return _installed


def set_report(report: Report) -> None:
    """Redirects the report; for a forked child, whose parent's is not its own."""
    _current().sources.redirect(report)


def add_user_path(path: str) -> None:
    """Counts a folder or a source file as the user's from now on, wherever it lies."""
    _user_paths.add(path)
    _current().forget_folders()


def record_missing(path: str) -> None:
    """Records that a file is not there; see `flush`."""
    _current().sources.record_missing(path)


def flush() -> None:
    """Reports the look-ups that were in vain and have not been reported yet."""
    _current().sources.flush()


def loaded_sources() -> dict[str, bytes]:
    """Returns the files that were read so far, by path, with the bytes that were loaded."""
    return dict(_current().sources.loaded)


def folders_before_library() -> Iterator[tuple[str, Iterable[str]]]:
    """Yields the user's folders that come first on `sys.path`, each with the names in it."""
    sources = _current().sources
    entries: list[object] = [*sys.path]
    for entry in entries:
        if not isinstance(entry, str):
            continue
        if standard.is_library(entry):
            return
        folder = clean_path(entry)
        if folder and is_user_path(folder):
            yield folder, sources.listing(folder).names or _names_in(folder)


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def user_loader(fullname: str, path: str) -> UserLoader:
    """Makes a loader for a file that the target names, wherever it lies."""
    return UserLoader(fullname, path, _current().sources)


def is_overlaid(path: str) -> bool:
    """Returns whether the overlay holds the file, so that the disk is of no concern."""
    return _current().sources.overlay.get(path) is not None


def claim_projects(folders: Iterable[str]) -> None:
    """Counts folders of a target as the user's that lie below a folder named site-packages."""
    for folder in folders:
        if is_below_packages(folder) and folder not in _user_paths:
            add_user_path(folder)


def is_user_path(path: str) -> bool:
    """Returns whether the file or folder is the user's: not installed, nor Python's, nor ours."""
    return path in _user_paths
