"""Late imports of a run: modules of the project that a solid imports, long after the load.

A location process keeps, beside the sources that it has loaded, the other modules of a small
project. A run freezes them when it begins, so that a save while it goes on changes nothing in it.
What is not kept (a large project, a file that is new) is imported as it is; the run says so where
the file is newer than its code. A file that the run itself writes is imported as it was written.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import EXTENSION_SUFFIXES

from hostler.host.sources import clean_path, current_recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Tuple

    from hostler.host.sources import SourceRecorder

    #: What `os.stat` says of a file, as far as it changes with the content.
    Stamp = Tuple[int, int, int, int]

#: A project with more is kept in part: first the folders that the load has read from.
_MAX_FILES, _MAX_FOLDERS = 100, 100
#: Of one file, and of all that is kept in a location process.
_MAX_FILE_BYTES, _MAX_BYTES = 256_000, 2_000_000

#: Folders that hold no modules of the project.
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})

_MODULES = (".py", *EXTENSION_SUFFIXES)
_WRITES = os.O_WRONLY | os.O_RDWR


class _Project:
    """The modules of a project that the load has not imported.

    Attributes:
        files: content by path.
    """

    def __init__(self, recorder: SourceRecorder) -> None:
        self.files: dict[str, bytes] = {}
        self._recorder = recorder
        self._stamps: dict[str, Stamp] = {}
        self._bytes = 0

    def take(self, newest: float | None = None) -> None:
        """Reads what is new or has changed, and drops what is gone.

        Args:
            newest: leaves out files that were changed after this time.
        """
        found: set[str] = set()
        for path in self._paths():
            try:
                status = os.stat(path)
            except OSError:
                continue
            stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            found.add(path)
            if self._stamps.get(path) == stamp:
                continue
            self._drop(path)
            if newest is None or status.st_ctime <= newest:
                self._read(path, stamp)
        for path in set(self.files) - found:
            self._drop(path)

    def _read(self, path: str, stamp: Stamp) -> None:
        size = stamp[2]
        if size > _MAX_FILE_BYTES or self._bytes + size > _MAX_BYTES:
            return
        try:
            with open(path, "rb") as file:
                content = file.read(_MAX_FILE_BYTES + 1)
        except OSError:
            return
        self.files[path] = content
        self._stamps[path] = stamp
        self._bytes += len(content)

    def _drop(self, path: str) -> None:
        if path in self.files:
            self._bytes -= len(self.files.pop(path))
            del self._stamps[path]

    def _paths(self) -> Iterator[str]:
        """Yields the modules below the folders of the load, which were not loaded themselves."""
        recorder = self._recorder
        waiting = dict.fromkeys(os.path.dirname(path) for path in recorder.loaded)
        waiting.update(dict.fromkeys(map(clean_path, sys.path[:1])))
        folders, seen, left = list(waiting), set(waiting), _MAX_FILES
        for number, folder in enumerate(folders):  # it grows
            if number >= _MAX_FOLDERS:
                return
            if folder not in recorder.user_paths:
                continue
            names, inner = _entries(folder)
            wanted = [path for path in names if path not in recorder.loaded]
            if len(wanted) <= left:
                left -= len(wanted)
                yield from wanted
            folders += [path for path in inner if path not in seen]
            seen.update(inner)


def _entries(folder: str) -> tuple[list[str], list[str]]:
    """Returns the sources in a folder that are imported by their names, and its folders."""
    sources, folders, all_names = [], [], set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                all_names.add(name)
                if name.endswith(".py"):
                    sources.append(name)
                elif "." not in name and name not in _LEFT_OUT and entry.is_dir():
                    folders.append(entry.path)
    except OSError:
        return [], []
    if "pyvenv.cfg" in all_names:
        return [], []
    if any(name.endswith(tuple(EXTENSION_SUFFIXES)) for name in all_names):
        compiled = {name.partition(".")[0] for name in all_names if not name.endswith(".py")}
        sources = [name for name in sources if name[:-3] not in compiled]
    return [os.path.join(folder, name) for name in sources], folders


class LateImports:
    """What a run says of the modules that it imports late.

    Args:
        loaded_at: when the load of its code began, in seconds since the epoch.
        tell: gets a level and a message.
    """

    def __init__(self, loaded_at: float, tell: Callable[[str, str], object]) -> None:
        self._loaded_at = loaded_at
        self._tell = tell
        self._told: set[str] = set()

    def note(self, pairs: list[tuple[str, str | None]]) -> None:
        """Tells of those that are not as they were when the code was loaded, or on disk."""
        for path, digest in pairs:
            if digest is None or path in self._told or not path.endswith(_MODULES):
                continue
            frozen = _frozen.get(path)
            said = self._newer(path) if frozen is None else _outdated(path, frozen)
            if said is not None:
                self._told.add(path)
                self._tell(*said)

    def _newer(self, path: str) -> tuple[str, str] | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        changed = max(status.st_mtime, status.st_ctime)
        if changed <= self._loaded_at or path in _written:
            return None
        when = time.strftime("%H:%M:%S", time.localtime(changed))
        return "WARNING", (
            f"imported {path}, which is newer than the code of this run: it was changed at {when}; "
            "import it at the top of a module to have it loaded with the rest"
        )


def _outdated(path: str, frozen: bytes) -> tuple[str, str] | None:
    try:
        with open(path, "rb") as file:
            if file.read(len(frozen) + 1) == frozen:
                return None
    except OSError:
        pass
    return "INFO", f"imported {path} as it was when this run began; the file has changed since"


#: Of this process, and of those that it forks.
_project: _Project | None = None
_frozen: dict[str, bytes] = {}
_written: set[str] = set()


def keep() -> None:
    """Keeps the modules of the project that were not loaded; for runs, which are forks.

    Where the sources of an earlier load were loaded, what is on disk may be newer than they are.
    """
    global _project  # noqa: PLW0603 (forks inherit it)
    recorder = current_recorder()
    if recorder is not None and not recorder.overlay:
        _project = _Project(recorder)
        _project.take()


def freeze(loaded_at: float, *, is_current: bool) -> None:
    """Has late imports find the project as it is now, or as it was when the code was loaded.

    Args:
        loaded_at: see `LateImports`.
        is_current: whether the code is that on disk, so that all other modules of now belong to it.
    """
    recorder = current_recorder()
    if recorder is None:
        return
    project = _project
    if project is None:  # this process has loaded the code for one run
        project = _Project(recorder)
        project.take(None if is_current else loaded_at)
    elif is_current:
        project.take()
    _frozen.update(project.files)
    _frozen.update(recorder.loaded)
    recorder.freeze(_frozen)
    try:
        sys.addaudithook(_on_audit)
    except Exception:  # noqa: BLE001 (a hook of the user's refuses it)
        thaw()  # else what the run writes would not be found


def thaw() -> None:
    """Has late imports find what is on disk: the code has called `importlib.invalidate_caches`."""
    recorder = current_recorder()
    for path in list(_frozen):
        _release(recorder, path)


def _on_audit(event: str, args: tuple[Any, ...]) -> None:
    """Notes the modules that this process writes or removes."""
    if event == "open":
        if isinstance(args[2], int) and args[2] & _WRITES:
            _note_written(args[0])
    elif event == "os.rename":
        _note_written(args[0])
        _note_written(args[1])
    elif event == "os.remove":
        _note_written(args[0])


def _note_written(name: Any) -> None:
    if isinstance(name, int):  # a descriptor
        return
    try:
        path = os.fsdecode(name)
        if not path.endswith(_MODULES):
            return
        path = clean_path(path)
    except (TypeError, ValueError, OSError):  # what is wrong is the caller's to learn
        return
    _written.add(path)
    _release(current_recorder(), path)


def _release(recorder: SourceRecorder | None, path: str) -> None:
    if _frozen.pop(path, None) is not None and recorder is not None:
        recorder.thaw(path)
