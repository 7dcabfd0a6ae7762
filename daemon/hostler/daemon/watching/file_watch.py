"""One watch: the record of what its owner has read, and when the owner is told of changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hostler.daemon.watching.content.digests import is_large, read_state
from hostler.daemon.watching.content.globs import Tree
from hostler.daemon.watching.content.throttle import Throttle
from hostler.daemon.watching.content.watch_record import PENDING, WatchRecord

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostler.daemon.base.settings import Settings
    from hostler.daemon.watching.folders.pattern_walker import PatternWalker
    from hostler.daemon.watching.path_checker import PathChecker
    from hostler.daemon.watching.watcher import Mode, OnChange

#: Files that the owner has not read may be somebody's output, written again and again.
_STRAY_BACKOFF_MIN = 0.2
_STRAY_BACKOFF_MAX = 2.0


class FileWatch:
    """A watch of files on disk; see `watcher.Watch` for what its owner calls.

    Attributes:
        record: what the owner knows; another one after each `replace`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: Settings,
        checker: PathChecker,
        walker: PatternWalker,
        watches: set[FileWatch],
        on_change: OnChange,
    ) -> None:
        """
        Args:
            watches: all that are open; this one joins at its first `replace`.
        """
        self.record = WatchRecord(())
        self._loop = loop
        self._settle_seconds = settings.deletion_settle
        self._checker = checker
        self._walker = walker
        self._watches = watches
        self._on_change = on_change
        self._throttle = Throttle(settings.save_backoff_min, settings.save_backoff_max)
        self._stray_throttle = Throttle(_STRAY_BACKOFF_MIN, _STRAY_BACKOFF_MAX)
        self._telling: asyncio.TimerHandle | None = None
        #: Whether nothing but strays is to be told then.
        self._is_stray_told = False
        self._walking: asyncio.TimerHandle | None = None
        self._is_open = True

    # What the owner calls

    @property
    def mode(self) -> Mode:
        is_polled = self._checker.is_any_polled(self.record.files) or self._walker.is_polled(
            self.record
        )
        return "polling" if is_polled else "native"

    def replace(self, files: Mapping[str, str | None], globs: Sequence[str] = ()) -> None:
        before = self.record
        _check_paths(files.keys() - before.files.keys())
        if not self._is_open:
            return
        self._leave_trees()
        record = WatchRecord(globs)
        record.inherit(before)
        # The folders in which patterns start are watched like files; what is not a file reads None.
        record.files.update({glob.base: None for glob in record.globs})
        record.files.update(files)
        self.record = record
        self._watches.add(self)
        self._throttle.reset()
        known, reads_as = before.files, self._checker.reads_as
        added = [  # all but the paths of which nothing has changed, on either side
            path
            for path, digest in record.files.items()
            if path not in known or known[path] != digest or not reads_as(path, digest)
        ]
        for path in added:
            self._checker.enter(self, path)
        if record.patterns != before.patterns:
            self._walker.leave(self, before)
            self._walker.enter(self, record)
        self._checker.leave(self, before.files.keys() - record.files.keys())
        if self._telling is not None and not record.changed:
            self._telling.cancel()
            self._telling = None
        self._checker.begin(self._place(record, added))

    def add(self, files: Mapping[str, str | None]) -> None:
        _check_paths(files)
        if not self._is_open:
            return
        self.record.files.update(files)
        self.record.strays -= files.keys()
        for path in files:
            self._checker.enter(self, path)
        self._checker.begin(self._place(self.record, list(files)))

    def add_unread(self, paths: Iterable[str]) -> None:
        if self._is_open:
            self.add(dict.fromkeys(set(paths) - self.record.files.keys(), PENDING))

    def watch_below(self, folders: Iterable[str]) -> None:
        if not self._is_open:
            return
        self._leave_trees()
        self.record.trees = tuple(map(Tree, folders))
        if self.record.trees:
            self._checker.begin(self._walk(self.record))

    def counts(self) -> Mapping[str, int] | None:
        return self.record.counts()

    def reset_throttle(self) -> None:
        self._throttle.reset()

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._watches.discard(self)
        for timer in (self._telling, self._walking):
            if timer is not None:
                timer.cancel()
        self._leave_trees()
        before, self.record = self.record, WatchRecord(())
        self._walker.leave(self, before)
        self._checker.leave(self, before.files)

    # What the watcher calls

    def tell_soon(self) -> None:
        """Tells the owner what has changed, when the throttle allows it."""
        record = self.record
        if not record.changed or (self._telling is not None and not self._is_stray_told):
            return
        is_stray = record.changed <= record.strays
        if self._telling is not None:
            if is_stray:
                return
            self._telling.cancel()  # what its owner has read is told sooner
        throttle = self._stray_throttle if is_stray else self._throttle
        self._is_stray_told = is_stray
        delay = throttle.delay(self._loop.time())
        self._telling = self._loop.call_later(delay, self._tell)

    def add_found(self, path: str, known: str | None) -> None:
        """Adds a file that a pattern or a tree has brought in, with the content that is known."""
        self.record.files[path] = known
        self._checker.enter(self, path)
        self._checker.follow(path)
        if known == PENDING and not self._checker.is_polled(path) and not is_large(path):
            # Read now, since a change that comes after `replace` has returned is a change.
            state = read_state(path)
            if state is not None:
                self.record.adopt(path, state)

    def walk_soon(self) -> None:
        """Walks the patterns again; a tree that is being made gets a moment for it."""
        if self._walking is not None:
            self._walking.cancel()
        self._walking = self._loop.call_later(self._settle_seconds, self._begin_walk)

    def _tell(self) -> None:
        self._telling = None
        changed = frozenset(self.record.changed)
        self.record.changed.clear()
        self._on_change(changed)

    def _leave_trees(self) -> None:
        self._walker.leave_trees(self, self.record)
        strays = self.record.strays
        self.record.strays = set()
        for path in strays:
            del self.record.files[path]
        self.record.changed -= strays
        self._checker.leave(self, strays)

    def _begin_walk(self) -> None:
        self._walking = None
        self._checker.begin(self._walk(self.record))

    def _place(self, record: WatchRecord, paths: list[str]) -> Iterator[None]:
        """Watches the paths' folders, then compares: a change in between is an event."""
        for path in paths:
            if self.record is not record:
                return
            if not self._checker.is_followed(path):
                self._checker.follow(path)
                yield
        if record.globs and not record.is_walked:
            yield from self._walk(record)
        self._checker.examine(paths)

    def _walk(self, record: WatchRecord) -> Iterator[None]:
        before = set(record.files)
        yield from self._walker.walk(self, record)
        self._checker.examine(record.files.keys() - before)


def _check_paths(paths: Iterable[str]) -> None:
    for path in paths:
        if not path.startswith("/") or b"\0" in os.fsencode(path):
            raise ValueError(f"cannot watch {path!r}: the path has to be absolute")
