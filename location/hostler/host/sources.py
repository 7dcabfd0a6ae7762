"""The user's files: which they are, which were read or missing, and the report of it."""

from __future__ import annotations

import os
import sys
from _thread import RLock
from importlib.machinery import EXTENSION_SUFFIXES

from hostler.host.code_cache import CompiledFile, cache
from hostler.host.wire import UNREAD, content_digest, listing_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, List, Mapping, Optional, Tuple

    #: Takes what was touched: [path, digest of its content, or None where there is no such file].
    #: Called under a lock, from any thread that imports; must not raise.
    Report = Callable[[List[Tuple[str, Optional[str]]]], object]


_EXTENSIONS = tuple(EXTENSION_SUFFIXES)

#: The names of folders that installers fill.
_INSTALLED = frozenset({"site-packages", "dist-packages"})

#: A larger file that someone else reads, such as an archive, is read by the daemon alone.
_MAX_READ_BYTES = 4 << 20

#: Files and misses in one report, where nothing in it is urgent.
_MAX_UNREPORTED = 200


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def clean_path(path: str) -> str:
    """Returns the path, absolute and without `.` and `..`.

    Links are kept, so that a link that is swapped later is noticed, unless a `..` goes back over
    one of them.
    """
    path = os.path.join(os.getcwd(), path) if not os.path.isabs(path) else path
    clean = os.path.normpath(path)
    if ".." in path.split(os.sep) and os.path.realpath(clean) != os.path.realpath(path):
        return os.path.realpath(path)
    return clean


def _foreign_folders() -> tuple[str, ...]:
    """Returns the folders of the standard library, by all their names, and the host's runtime."""
    global _foreign  # noqa: PLW0603 (forks inherit it)
    if not _foreign:
        _foreign = _find_foreign_folders()
    return _foreign


_foreign: tuple[str, ...] = ()


def _find_foreign_folders() -> tuple[str, ...]:
    found = {os.path.dirname(os.path.abspath(os.__file__))}
    major, minor = sys.version_info[:2]
    for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
        for lib in {"lib", getattr(sys, "platlibdir", "lib")}:
            found.add(os.path.join(prefix, lib, f"python{major}.{minor}"))
            found.add(os.path.join(prefix, lib, f"python{major}{minor}.zip"))
    own = os.path.abspath(__file__)
    for _ in ("host", "hostler", "runtime"):
        own = os.path.dirname(own)
    found.add(own)
    return tuple(found | {os.path.realpath(folder) for folder in found})


class UserPaths:
    """Knows which folders and files are the user's."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self.foreign = _foreign_folders()
        #: Folders and files that are the user's wherever they lie.
        self.extra: list[str] = []
        self._known: dict[str, bool] = {}
        #: For the parent of an extra root: the names in it that are the user's.
        self.shared: dict[str, set[str]] = {}
        for path in extra:
            self.add(path)

    def add(self, path: str) -> None:
        """Counts a folder, or a single source file, as the user's, wherever it lies."""
        path = clean_path(path)
        self._known.clear()
        self.extra.append(path)
        parent, name = os.path.split(path)
        self.shared.setdefault(parent, set()).add(name.partition(".")[0])

    def __contains__(self, path: str) -> bool:
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._find(path)
        return found

    def _find(self, path: str) -> bool:
        # below an extra folder there may be an environment of its own
        if any(
            _inside(path, folder) and not _is_installed(path[len(folder) :])
            for folder in self.extra
        ):
            return True
        if path.endswith(".py"):  # each of a project's many files lies as its folder does
            return os.path.dirname(path) in self
        if _is_installed(path):
            return False
        return os.path.isabs(path) and not any(_inside(path, folder) for folder in self.foreign)


def _is_installed(path: str) -> bool:
    return not _INSTALLED.isdisjoint(path.split(os.sep))


def is_below_packages(folder: str) -> bool:
    """Returns whether a folder above this one is named as those that installers fill."""
    return _is_installed(os.path.dirname(folder)) and os.path.basename(folder) not in _INSTALLED


class FolderListing:
    """The names in a folder.

    Attributes:
        names: of files and folders.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
        self._has_extensions = any(name.endswith(_EXTENSIONS) for name in self.names)

    def has_plain_source(self, stem: str) -> bool:
        """Returns whether there is a source of this name, and nothing that is found before it."""
        if stem + ".py" not in self.names or stem in self.names:
            return False
        return not self._has_extensions or self.names.isdisjoint(
            [stem + suffix for suffix in EXTENSION_SUFFIXES]
        )


_NOTHING = FolderListing()


class SourceRecorder:
    """Records the user's files that are read or looked for in vain, and reports them."""

    def __init__(
        self, report: Report, overlay: Mapping[str, bytes | None], user_paths: UserPaths
    ) -> None:
        self.overlay = dict(overlay)
        self.user_paths = user_paths
        self.loaded: dict[str, bytes] = {}
        #: Files of which nothing more has to be heard: they are recorded, or nobody's concern.
        self.known: set[str] = set()
        #: Folders that are being listed by the recorder itself.
        self.own_reads: set[str] = set()
        self.clean = clean_path
        #: While a load goes on: what each folder holds, so that a module costs one stat, not six.
        self._listings: dict[str, FolderListing] | None = None
        self._report = report
        self._lock = RLock()
        self._reported: set[tuple[str, str | None]] = set()
        self._unreported: list[tuple[str, str | None]] = []
        #: Files of the overlay that were on disk, and are watched once they are read.
        self._frozen: set[str] = set()
        self._overlaid_folders: set[str] = set()
        self._note_overlaid(overlay)

    def _note_overlaid(self, overlay: Mapping[str, bytes | None]) -> None:
        for path, content in overlay.items():
            folder = os.path.dirname(path)
            while content is not None and folder not in self._overlaid_folders:
                self._overlaid_folders.add(folder)
                folder = os.path.dirname(folder)

    def freeze(self, files: Mapping[str, bytes]) -> None:
        """Has further imports read these contents in place of the disk; the overlay wins."""
        self._frozen.update(path for path in files if path not in self.overlay)
        self.overlay = {**files, **self.overlay}
        self._note_overlaid(files)

    def thaw(self, path: str) -> None:
        """Has further imports of a file that was frozen read the disk again."""
        if path in self._frozen:
            self._frozen.discard(path)
            self.overlay.pop(path, None)

    def redirect(self, report: Report) -> None:
        # Another thread of the parent's may have held the lock at the fork.
        self._lock = RLock()
        self._report = report

    def cache_listings(self, *, on: bool) -> None:
        """Begins or ends the time in which folders are listed once; see `listing`."""
        self._listings = {} if on and not self.overlay else None

    def listing(self, folder: str) -> FolderListing:
        """Returns what a folder held when a load first looked; nothing where no load goes on.

        A name that is missing there has to be looked for on disk: the code may have made it since.
        """
        if self._listings is None:
            return _NOTHING
        found = self._listings.get(folder)
        if found is None:
            try:
                found = FolderListing(self.names(folder))
            except OSError:
                found = _NOTHING
            self._listings[folder] = found
        return found

    def names(self, folder: str) -> set[str]:
        """Lists a folder, unheard by `hostler.host.file_events`."""
        self.own_reads.add(folder)
        try:
            return set(os.listdir(folder))
        finally:
            self.own_reads.discard(folder)

    def is_file(self, path: str) -> bool:
        if path in self.overlay:
            return self.overlay[path] is not None
        return os.path.isfile(path)

    def is_folder(self, path: str) -> bool:
        return path in self._overlaid_folders or os.path.isdir(path)

    def read(self, path: str) -> bytes:
        """Reads a file from the overlay or the disk, keeps its content and reports it.

        Raises:
            OSError: as `open` does; that the file could not be read is recorded.
        """
        path = clean_path(path)
        content = self.overlay.get(path)
        if content is not None:  # says nothing about the file, unless that was frozen
            if path in self.user_paths:
                self.loaded[path] = content
                if path in self._frozen:
                    self._record(path, content_digest(content))
            return content
        kept = cache.unchanged(path)
        if kept is not None:
            content, digest = kept.content, kept.digest
        else:
            content, digest = self._read_from_disk(path), ""
        if path in self.user_paths:
            self.loaded[path] = content
            self._record(path, digest or content_digest(content))
        return content

    def record_compiled(self, kept: CompiledFile) -> None:
        """Records a file as read, which a stat has proved to be as it was compiled."""
        self.known.add(kept.path)
        self.loaded[kept.path] = kept.content
        self._record(kept.path, kept.digest)

    def _read_from_disk(self, path: str) -> bytes:
        self.known.add(path)
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            if path in self.user_paths:
                self.record_missing(path)
            raise

    def record_file(self, path: str) -> None:
        """Reports a file that someone else reads."""
        self.known.add(path)
        try:
            if os.path.isfile(path):  # opening a pipe would block
                if os.path.getsize(path) > _MAX_READ_BYTES:
                    self._record(path, UNREAD)
                    return
                with open(path, "rb") as file:
                    self._record(path, content_digest(file.read()))
                return
        except OSError:
            pass
        self.record_missing(path)

    def record_listing(self, folder: str, names: Iterable[str]) -> None:
        """Reports the names in a folder that the code has listed."""
        self._record(f"{folder}{os.sep}", listing_digest(names))

    def record_missing(self, path: str) -> None:
        """Records that there is no such file; reported with what comes next."""
        state = (path, None)
        with self._lock:
            if state not in self._reported:
                self._reported.add(state)
                self._unreported.append(state)

    def flush(self) -> None:
        with self._lock:
            if self._unreported:
                missed, self._unreported = self._unreported, []
                self._report(missed)

    def _record(self, path: str, digest: str) -> None:
        state = (path, digest)
        kept = cache.get(path)
        with self._lock:
            if state not in self._reported:
                self._reported.add(state)
                self._unreported.append(state)
            # The daemon knows what the template has compiled for this location, and watches all of
            # it should a load end before it reports. So these files are reported many at a time: a
            # frame for each costs more than its import.
            is_loading = self._listings is not None
            is_known = kept is not None and (is_loading or kept.digest == digest)
            if not is_known or len(self._unreported) > _MAX_UNREPORTED:
                self.flush()


_current: SourceRecorder | None = None


def set_current_recorder(sources: SourceRecorder | None) -> None:
    """Sets where `record_file` records; None where no finder is installed."""
    global _current  # noqa: PLW0603 (one process imports in one way)
    _current = sources


def current_recorder() -> SourceRecorder | None:
    """Returns what records the sources of this process; None where no finder is installed."""
    return _current


def record_file(path: str) -> None:
    """Records a file that is read, if it is the user's."""
    path = clean_path(path)
    if _current is not None and path in _current.user_paths:
        _current.record_file(path)
