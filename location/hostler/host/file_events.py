"""Hears, by an audit hook, which files a load opens, executes and lists, whatever loads them.

The finder sees what importlib's usual way loads. Modules that are loaded by their path, by loaders
of an import hook, by `runpy` or from a zip archive, and what a scan of a folder finds, are heard of
here. An audit hook cannot be removed, so after the load all but one of its handlers are taken away:
the one by which no pyc of the user's is ever read.
"""

from __future__ import annotations

import os
import sys
from errno import ENOENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Optional, Tuple

    from hostler.host.sources import SourceRecorder

    #: By audit event; a handler returns the path of a file whose open is to fail.
    _Handlers = Dict[str, Callable[[Tuple[Any, ...]], Optional[str]]]

#: What holds code, by the end of its name.
_CODE = (".py", ".pyw", ".pyc", ".so", ".zip", ".egg", ".whl", ".pyz", ".pyx", ".ipynb", ".hy")

#: A file that is no code counts where the load has listed its folder, up to this size: its content
#: is read once more for its digest.
_MAX_DATA_BYTES = 1 << 20

#: Folders at most; code that walks more of them, walks no folder of definitions.
_MAX_LISTED = 2_000

#: Nobody's definitions are found in these, though tools that look for packages list them.
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})

#: Who lists each folder of `sys.path`, to find what is installed there.
_METADATA_READERS = ("importlib.metadata", "importlib_metadata", "pkg_resources")

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class UserFolders:
    """Knows for each folder, as paths spell it, whether it is the user's; in little time."""

    def __init__(self, recorder: SourceRecorder) -> None:
        self._recorder = recorder
        self._known: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        """Returns whether a file, or the source of a pyc, lies in a folder of the user's."""
        folder = path.rpartition(os.sep)[0]
        found = self._known.get(folder)
        if found is None:
            found = self._find(folder)
            if folder[:1] == os.sep:
                self._known[folder] = found
        return found

    def _find(self, folder: str) -> bool:
        folder, prefix = self._recorder.clean(folder or os.curdir), sys.pycache_prefix
        if folder in self._recorder.user_paths:
            return True
        if prefix is not None and folder.startswith(prefix):
            return os.sep + folder[len(prefix) :].strip(os.sep) in self._recorder.user_paths
        return False


class FileEvents:
    """Tells a recorder what the user's code does with files, while a load goes on."""

    def __init__(self, recorder: SourceRecorder, roots: Iterable[str]) -> None:
        """
        Args:
            roots: the folders of the target; elsewhere, only code and where it lies counts.
        """
        self.recorder = recorder
        self.users = UserFolders(recorder)
        self._roots = tuple(roots)
        self._foreign = tuple(folder + os.sep for folder in recorder.user_paths.foreign)
        self._pid = os.getpid()
        #: The names in each folder that was listed, as they were at first.
        self._listed: dict[str, set[str]] = {}
        #: Listed outside of the roots, where no code was opened so far.
        self._listed_elsewhere: dict[str, set[str]] = {}
        self._data: set[str] = set()
        #: What the load itself has written, made, moved or removed.
        self._own: set[str] = set()
        self.handlers: _Handlers = {
            "open": self._on_open,
            "exec": self._on_exec,
            "compile": self._on_compile,
            "import": self._on_import,
            "ctypes.dlopen": self._on_dlopen,
            "os.listdir": self._on_list,
            "os.scandir": self._on_list,
            "os.mkdir": self._on_make,
            "os.remove": self._on_make,
            "os.rmdir": self._on_make,
            "os.rename": self._on_move,
            "os.link": self._on_move,
            "os.symlink": self._on_move,
        }

    def _is_foreign(self, path: str) -> bool:
        """Returns whether this is Python's own file, without a longer look: most of them are."""
        return path.startswith(self._foreign) and not self.recorder.user_paths.extra

    def settle(self) -> None:
        """Counts what the load itself has changed as known, so that it causes no other load."""
        for path in self._own & self._data:
            self.recorder.record_file(path)
        for folder in {os.path.dirname(path) for path in self._own} & self._listed.keys():
            own = {os.path.basename(path) for path in self._own if os.path.dirname(path) == folder}
            now, before = self._names(folder), self._listed[folder]
            self.recorder.record_listing(folder, (before - own) | (now & own))

    # What the code does

    def _on_open(self, args: tuple[Any, ...]) -> str | None:
        given, _, flags = args
        path: str | None = given if type(given) is str else _path(given)
        if path is None or self._is_foreign(path) or not self.users.has(path):
            return None
        if flags & _WRITES:
            self._own.add(self.recorder.clean(path))
        elif path.endswith(".pyc") and is_cached_pyc(path, self.recorder):
            return path
        elif path.endswith(_CODE):
            self._read(path)
        elif self._listed:
            path = self.recorder.clean(path)
            if os.path.dirname(path) in self._listed and path not in self._own:
                self._read_data(path)
        return None

    def _on_exec(self, args: tuple[Any, ...]) -> None:
        path = args[0].co_filename
        if not self._is_foreign(path):
            self._executed(path)

    def _on_compile(self, args: tuple[Any, ...]) -> None:
        path = _path(args[1])
        if path is not None:
            self._executed(path)

    def _executed(self, path: str) -> None:
        if path[:1] == "<" or path in self.recorder.known or not self.users.has(path):
            return
        if os.path.isfile(path):
            self._read(path)
        else:
            self.recorder.known.add(path)

    def _on_import(self, args: tuple[Any, ...]) -> None:
        if args[1] is not None:  # the file of an extension module
            self._on_dlopen(args[1:])

    def _on_dlopen(self, args: tuple[Any, ...]) -> None:
        path = _path(args[0])
        if path is not None and os.sep in path and self.users.has(path):
            self._read(path)

    def _on_list(self, args: tuple[Any, ...]) -> None:
        path = _path("." if args[0] is None else args[0])
        if path is None or path in self.recorder.own_reads:
            return
        folder = self.recorder.clean(path)
        if folder in self._listed or len(self._listed) >= _MAX_LISTED:
            return
        if folder not in self.recorder.user_paths or _is_metadata_read():
            return
        root = self._root_of(folder)
        if root is None:
            if len(self._listed_elsewhere) < _MAX_LISTED:
                self._listed_elsewhere[folder] = self._names(folder)
        elif not _is_skipped(folder[len(root) :]):
            self._list(folder, self._names(folder))

    def _on_make(self, args: tuple[Any, ...]) -> None:
        path = _path(args[0])
        if path is not None:
            self._own.add(self.recorder.clean(path))

    def _on_move(self, args: tuple[Any, ...]) -> None:
        self._on_make(args)
        self._on_make(args[1:])

    # What is told of it

    def _read(self, path: str) -> None:
        if path in self.recorder.known:
            return
        self.recorder.known.add(path)
        path = self.recorder.clean(path)
        if path in self.recorder.user_paths and os.getpid() == self._pid:
            self.recorder.record_file(path)
            elsewhere = self._listed_elsewhere.pop(os.path.dirname(path), None)
            if elsewhere is not None:
                self._list(os.path.dirname(path), elsewhere)

    def _read_data(self, path: str) -> None:
        if path not in self.recorder.known and os.path.getsize(path) <= _MAX_DATA_BYTES:
            self._data.add(path)
            self._read(path)

    def _list(self, folder: str, names: set[str]) -> None:
        if os.getpid() == self._pid:
            self._listed[folder] = names
            self.recorder.record_listing(folder, names)

    def _names(self, folder: str) -> set[str]:
        try:
            return self.recorder.names(folder)
        except OSError:
            return set()

    def _root_of(self, path: str) -> str | None:
        for root in (*self._roots, *self.recorder.user_paths.extra):
            if path == root or path.startswith(root.rstrip(os.sep) + os.sep):
                return root
        return None


def _path(given: object) -> str | None:
    """Returns the path as text; None for a descriptor."""
    if type(given) is str:
        return given
    try:
        return os.fsdecode(given)  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_skipped(below: str) -> bool:
    return any(part[:1] == "." or part in _SKIPPED for part in below.split(os.sep))


def _is_metadata_read() -> bool:
    frame: Any = sys._getframe()
    for _ in range(12):  # the hook's own frames, pathlib's, and the reader's
        if frame is None:
            return False
        if str(frame.f_globals.get("__name__")).startswith(_METADATA_READERS):
            return True
        frame = frame.f_back
    return False


def is_cached_pyc(path: str, recorder: SourceRecorder) -> bool:
    """Returns whether the path is where a pyc of a source of the user's is cached."""
    folder, name = os.path.split(recorder.clean(path))
    stem = name.partition(f".{sys.implementation.cache_tag}")[0]
    prefix = sys.pycache_prefix
    if prefix is not None and folder.startswith(prefix):
        folder = os.sep + folder[len(prefix) :].strip(os.sep)
    elif os.path.basename(folder) == "__pycache__":
        folder = os.path.dirname(folder)
    else:
        return False
    source = os.path.join(folder, stem + ".py")
    return source in recorder.user_paths and os.path.isfile(source)


_handlers: _Handlers = {}
_is_added = False
_current: FileEvents | None = None


def _hear(event: str, args: tuple[Any, ...], handlers: _Handlers = _handlers) -> None:
    """Is called with every audit event of the process, so it has to be short.

    Raises:
        FileNotFoundError: as if there were no such pyc: of two saves of one size within one second,
            a loader takes the pyc of the first for that of the second.
    """
    handler = handlers.get(event)
    if handler is None:
        return
    try:
        refused = handler(args)
    except Exception:  # noqa: BLE001 (a fault of ours must not fail what the code does)
        return
    if refused:
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), refused)


def begin(recorder: SourceRecorder, roots: Iterable[str]) -> None:
    """Has the recorder told of files from now on; a load begins."""
    global _current  # noqa: PLW0603 (a process loads once)
    _current = FileEvents(recorder, roots)
    _handlers.clear()
    _handlers.update(_current.handlers)
    _add_hook()


def end() -> None:
    """Has the recorder told of nothing more; pycs of the user's go on being refused."""
    global _current
    events, _current = _current, None
    if events is not None:
        events.settle()
        refuse_pycs(events.recorder)


def refuse_pycs(recorder: SourceRecorder) -> None:
    """Has no pyc of the user's read from now on, and hears of nothing else."""

    users = UserFolders(recorder)

    def on_open(args: tuple[Any, ...]) -> str | None:
        path, _, flags = args
        if type(path) is str and path.endswith(".pyc") and not flags & _WRITES:
            return path if users.has(path) and is_cached_pyc(path, recorder) else None
        return None

    _handlers.clear()
    _handlers["open"] = on_open
    _add_hook()


def _add_hook() -> None:
    global _is_added  # noqa: PLW0603 (a process has one audit hook, and its forks inherit it)
    if not _is_added:
        _is_added = True
        sys.addaudithook(_hear)


def forget() -> None:
    """Takes away what `begin` and `end` have left in a fork that is to load something else."""
    global _current  # noqa: PLW0603 (as above)
    _current = None
    _handlers.clear()
