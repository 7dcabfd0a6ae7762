"""A watcher that reads no disk: a test sees what is watched, and says what has changed."""

from __future__ import annotations

import fnmatch
import itertools
from typing import TYPE_CHECKING

from hostler.daemon.watching.content.digests import FileState, Stamp
from hostler.daemon.watching.content.watch_record import PENDING, WatchRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostler.daemon.watching.watcher import Mode, OnChange


class FakeWatch:
    """A watch of a FakeWatcher.

    Attributes:
        globs: of the last `replace`.
        below: the folders below which all changes are told.
        is_closed: whether its owner has closed it.
        throttle_resets: how often `reset_throttle` was called.
    """

    def __init__(self, watcher: FakeWatcher, on_change: OnChange) -> None:
        self.globs: tuple[str, ...] = ()
        self.below: tuple[str, ...] = ()
        self.is_closed = False
        self.throttle_resets = 0
        self._watcher = watcher
        self._on_change = on_change
        self._record = WatchRecord(())

    @property
    def files(self) -> dict[str, str | None]:
        """What the owner knows, each content that it was told of included."""
        return dict(self._record.files)

    @property
    def mode(self) -> Mode:
        return self._watcher.mode

    def replace(self, files: Mapping[str, str | None], globs: Sequence[str] = ()) -> None:
        _check_paths(files)
        record = WatchRecord(globs)
        if self.is_closed:
            return
        record.inherit(self._record)
        record.files.update(files)
        self._record = record
        self.below = ()
        self.globs = tuple(globs)
        self._walk()
        self._compare(record.files)

    def add(self, files: Mapping[str, str | None]) -> None:
        _check_paths(files)
        if self.is_closed:
            return
        self._record.files.update(files)
        self._compare(files)

    def add_unread(self, paths: Iterable[str]) -> None:
        if not self.is_closed:
            self.add(dict.fromkeys(set(paths) - self._record.files.keys(), PENDING))

    def watch_below(self, folders: Iterable[str]) -> None:
        self.below = tuple(folders)

    def counts(self) -> Mapping[str, int] | None:
        return self._record.counts()

    def reset_throttle(self) -> None:
        self.throttle_resets += 1

    def close(self) -> None:
        self.is_closed = True
        self._watcher.watches.discard(self)
        self._record = WatchRecord(())

    # What the watcher calls

    def check(self, path: str) -> None:
        """Notes a change of a path, if the watch has it or one of its patterns matches."""
        record = self._record
        if path not in record.files:
            is_below = any(path.startswith(f"{folder}/") for folder in self.below)
            if not is_below and not any(_matches(path, glob) for glob in self.globs):
                return
            self._found(path, None)
        record.compare(path, self._watcher.state(path))

    def tell(self) -> None:
        """Tells the owner what has changed, if anything has."""
        changed = frozenset(self._record.changed)
        self._record.changed.clear()
        if changed:
            self._on_change(changed)

    def _walk(self) -> None:
        """Adds the files of new patterns, which count as they are now."""
        if not self._record.is_walked:
            for path in self._watcher.present():
                is_new = path not in self._record.files
                if is_new and any(_matches(path, glob) for glob in self.globs):
                    self._found(path, PENDING)
        self._record.is_walked = True

    def _found(self, path: str, known: str | None) -> None:
        self._record.files[path] = known
        for glob in self.globs:
            if _matches(path, glob):
                self._record.note_match(glob, path)

    def _compare(self, paths: Iterable[str]) -> None:
        for path in list(paths):
            if self._watcher.has_read(path):
                state = self._watcher.state(path)
                if not self._record.adopt(path, state):
                    self._record.compare(path, state)


class FakeWatcher:
    """Reads what the test says, and tells when the test says so.

    A path of which `change` has said nothing reads as whatever its watches know. What the real
    watcher tells soon, this one tells at the next `tell`, and never from within another call.

    Attributes:
        watches: those that are open.
        mode: of every watch.
    """

    def __init__(self, mode: Mode = "native") -> None:
        self.watches: set[FakeWatch] = set()
        self.mode: Mode = mode
        self._states: dict[str, FileState] = {}
        self._moments = itertools.count(1)

    def watch(
        self, files: Mapping[str, str | None], on_change: OnChange, globs: Sequence[str] = ()
    ) -> FakeWatch:
        watch = FakeWatch(self, on_change)
        watch.replace(files, globs)
        self.watches.add(watch)
        return watch

    def change(self, path: str, digest: str | None) -> None:
        """Gives the path another content, or None for no file, and tells the watches that differ.

        A pattern takes whatever matches it part for part, `**` for any number of folders.
        """
        moment = next(self._moments)
        self._states[path] = FileState(digest, Stamp(0, 0, 0, moment, moment))
        for watch in self.watches:
            watch.check(path)
        self.tell()

    def tell(self) -> None:
        """Tells all that is still to be told, as time does with the real one."""
        for watch in list(self.watches):
            watch.tell()

    # What its watches call

    def has_read(self, path: str) -> bool:
        """Returns whether the test has said what the path reads as."""
        return path in self._states

    def state(self, path: str) -> FileState:
        """Returns what the path reads as."""
        return self._states[path]

    def present(self) -> list[str]:
        """Returns the files that the test has made."""
        return [path for path, state in self._states.items() if state.digest is not None]


def _check_paths(paths: Iterable[str]) -> None:
    for path in paths:
        if not path.startswith("/"):
            raise ValueError(f"cannot watch {path!r}: the path has to be absolute")


def _matches(path: str, glob: str) -> bool:
    return _match(path.split("/")[1:], glob.split("/")[1:])


def _match(names: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_match(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _match(names[1:], parts[1:])
