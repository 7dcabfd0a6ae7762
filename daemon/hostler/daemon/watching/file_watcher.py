"""The watcher: from folder events, sweeps and polls to "this location's files have changed"."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from hostler.daemon.watching.content.digests import FileState, is_large, read_state
from hostler.daemon.watching.content.file_reader import FileReader, ReadRequest, ReadResult
from hostler.daemon.watching.content.throttle import Throttle
from hostler.daemon.watching.content.trace import Tracer
from hostler.daemon.watching.content.watch_record import PENDING, WatchRecord
from hostler.daemon.watching.folders.event_handler import EventHandler
from hostler.daemon.watching.folders.mounts import Mounts
from hostler.daemon.watching.folders.native import NativeWatch
from hostler.daemon.watching.folders.path_index import PathIndex
from hostler.daemon.watching.folders.pattern_walker import PatternWalker
from hostler.daemon.watching.folders.watched_folders import WatchedFolders
from hostler.daemon.watching.work_queue import WorkQueue

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostler.daemon.base.settings import Settings

logger = logging.getLogger(__name__)

Mode: TypeAlias = Literal["native", "polling"]
#: Gets a key, and those of its paths whose content is another one now. Called on the loop.
OnChange: TypeAlias = Callable[[str, frozenset[str]], None]

#: A path whose folders are being made while it is traced is traced again, this often at most; the
#: sweep sees what even that missed.
_TRACE_ROUNDS = 4


class FileWatcher:
    """Compares files with what each key was loaded from, and tells differences.

    A key is a location. Its record says what the owner knows: for each path the digest of the
    content that was loaded, or None where it was looked for in vain. A path that reads as something
    else is told once, and the new content joins the record. Every method is called on the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: OnChange,
        settings: Settings,
        *,
        force_polling: bool = False,
    ) -> None:
        self._loop = loop
        self._on_change = on_change
        self._settings = settings
        self._records: dict[str, WatchRecord] = {}
        self._keys: dict[str, set[str]] = {}
        self._states: dict[str, FileState] = {}
        # Of the newest reading of each path; what an older one finds is void.
        self._tickets: dict[str, int] = {}
        self._ticket = itertools.count(1)
        self._tracer = Tracer()
        self._work = WorkQueue(loop, self._begin_turn, self._check, self._tell_soon)
        self._changed: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_poll_out = False
        self._is_closed = False
        self._mounts = Mounts()
        self._reader = FileReader(loop)
        self._native = None if force_polling else self._open_native()
        self._folders = WatchedFolders(self._native, self._mounts)
        self._paths = PathIndex(self._folders)
        self._walks = PatternWalker(
            self._folders, self._records, found=self._found, begin=self._begin_walk
        )
        self._events = EventHandler(
            loop,
            self._folders,
            self._paths,
            self._walks,
            settle=settings.deletion_settle,
            check=self._work.check,
            sweep=self._sweep,
        )

    # What the owner calls.

    def start(self) -> None:
        """Begins the sweeps and polls."""
        self._arm("sweep", self._settings.sweep, self._sweep)
        self._arm("poll", self._settings.poll, self._poll)

    async def close(self) -> None:
        """Tells nothing more, and ends threads and descriptors."""
        self._is_closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._events.close()
        for key in list(self._records):
            self.forget(key)
        self._work.close()
        await self._reader.close(self._native.stop if self._native is not None else _nothing)

    def watch(self, key: str, files: Mapping[str, str | None], globs: Sequence[str] = ()) -> None:
        """Replaces what is known of a key, at the end of a load.

        The record is compared with the disk soon after, so what changed before is not lost; not so
        where it says what was known and seen before, of which events tell. A small record (some 30
        new paths) is watched when this returns, a large one after a few turns.

        Args:
            files: absolute paths with their `content_digest`, None for what was not there.
            globs: absolute patterns; their files count as they are now, or as this key knew them.

        Raises:
            ValueError: a path or pattern is not absolute.
        """
        before = self._records.get(key)
        _check_paths(files if before is None else files.keys() - before.files.keys())
        if self._is_closed:
            return
        settings = self._settings
        record = WatchRecord(globs, Throttle(settings.save_backoff_min, settings.save_backoff_max))
        if before is not None:
            record.inherit(before)
        # The folders in which patterns start are watched like files; what is not a file reads None.
        record.files.update({glob.base: None for glob in record.globs})
        record.files.update(files)
        self._records[key] = record
        added = [path for path in record.files if not self._is_seen(path, record, before)]
        for path in added:
            self._enter(key, path)
        if before is not None:
            if record.places is not before.places:
                self._walks.leave(before)
            self._leave(key, before.files.keys() - record.files.keys())
            if before.telling is not None and not record.changed:
                before.telling.cancel()
                record.telling = None
        self._work.add(self._placing(key, record, added))

    def add(self, key: str, files: Mapping[str, str | None]) -> None:
        """Joins files to what is known of a key; nothing for a key that is not watched.

        Raises:
            ValueError: a path is not absolute.
        """
        _check_paths(files)
        record = self._records.get(key)  # none once it is closed
        if record is None:
            return
        record.files.update(files)
        for path in files:
            self._enter(key, path)
        self._work.add(self._placing(key, record, list(files)))

    def add_unread(self, key: str, paths: Iterable[str]) -> None:
        """Joins files that the owner may have read; each counts as it is found to be.

        Nothing for those that are known, and for a key that is not watched.

        Raises:
            ValueError: a path is not absolute.
        """
        record = self._records.get(key)
        if record is not None:
            self.add(key, dict.fromkeys(set(paths) - record.files.keys(), PENDING))

    def reset_throttle(self, key: str) -> None:
        """The next change of a key is told at once, however fast they come."""
        record = self._records.get(key)
        if record is not None:
            record.throttle.loaded()

    def forget(self, key: str) -> None:
        """Tells no more of a key; nothing for one that is not watched."""
        record = self._records.pop(key, None)
        if record is None:
            return
        if record.telling is not None:
            record.telling.cancel()
        self._walks.leave(record)
        self._leave(key, record.files)

    def mode(self, key: str) -> Mode:
        """Whether changes of the key come as events, or some have to be looked for."""
        record = self._records.get(key)
        if record is None:
            return "polling" if self._native is None else "native"
        if not self._folders.has_polled:
            return "native"
        is_polled = any(map(self._paths.is_polled, record.files)) or any(
            map(self._folders.is_polled, record.places)
        )
        return "polling" if is_polled else "native"

    # The record's paths.

    def _enter(self, key: str, path: str) -> None:
        self._keys.setdefault(path, set()).add(key)
        self._tickets.pop(path, None)

    def _is_seen(self, path: str, record: WatchRecord, before: WatchRecord | None) -> bool:
        """Whether the path was watched already, and read as what the record says of it."""
        if before is None or path not in before.files:
            return False
        digest, state = record.files[path], self._states.get(path)
        is_known = state is not None and digest == before.files[path] == state.digest
        return is_known and path in self._paths and not self._paths.is_polled(path)

    def _leave(self, key: str, paths: Iterable[str]) -> None:
        for path in paths:
            keys = self._keys[path]
            keys.discard(key)
            if not keys:
                del self._keys[path]
                self._tickets.pop(path, None)
                self._states.pop(path, None)
                self._work.discard(path)
                self._paths.drop(path)

    def _found(self, key: str, record: WatchRecord, path: str, known: str | None) -> None:
        """A pattern has brought in a file."""
        record.files[path] = known
        record.found.add(path)
        self._enter(key, path)
        self._route(path)
        if known == PENDING and not self._paths.is_polled(path) and not is_large(path):
            # Read now, since a change that comes after `watch` has returned is a change.
            state = read_state(path)
            if state is not None:
                record.adopt(path, state)

    def _placing(self, key: str, record: WatchRecord, paths: list[str]) -> Iterator[None]:
        """Watches the folders of the paths, then compares: what changes in between is an event."""
        for path in paths:
            if self._records.get(key) is not record:
                return
            if path not in self._paths:
                self._route(path)
                yield
        if record.globs and not record.is_walked:
            yield from self._walking(key, record)
        self._examine([path for path in paths if path in self._keys])

    def _begin_walk(self, key: str) -> None:
        """Patterns may lead elsewhere now; a tree that is being made gets a moment for it."""

        def begin() -> None:
            record = self._records.get(key)
            if record is not None:
                self._work.add(self._walking(key, record))

        self._arm(f"walk {key}", self._settings.deletion_settle, begin)

    def _walking(self, key: str, record: WatchRecord) -> Iterator[None]:
        before = set(record.files)
        yield from self._walks.walk(key, record)
        self._examine([path for path in record.files.keys() - before if path in self._keys])

    def _begin_turn(self) -> None:
        """The folders of many paths are looked at once in a turn."""
        self._tracer = Tracer()

    def _route(self, path: str) -> None:
        """Follows the path and watches its folders."""
        for _ in range(_TRACE_ROUNDS):
            if not self._paths.put(path, self._tracer.trace(path)):
                return
            # What was traced before its folders were watched may be out of date.
            self._tracer = Tracer()

    # Reading and comparing.

    def _check(self, path: str) -> None:
        """Something happened to the path: reads it."""
        self._route(path)
        self._walks.request_from(path)
        if self._events.is_unfinished(self._paths.real(path)):
            return
        if self._paths.is_polled(path) or is_large(path):
            self._examine([path], self._take_check)
            return
        self._tickets[path] = next(self._ticket)
        self._compare(path, read_state(path, self._states.get(path)))

    def _examine(
        self, paths: Iterable[str], take: Callable[[list[ReadResult]], None] | None = None
    ) -> None:
        """Reads paths in a thread."""
        lanes: dict[bool, list[ReadRequest]] = {False: [], True: []}
        for path in paths:
            ticket = self._tickets[path] = next(self._ticket)
            is_remote = self._paths.is_polled(path)
            lanes[is_remote].append(ReadRequest(path, ticket, self._states.get(path)))
        for is_remote, questions in lanes.items():
            if questions:
                self._reader.ask(questions, take or self._take, remote=is_remote)

    def _take(self, answers: list[ReadResult]) -> None:
        self._work.add(self._taking(answers))

    def _take_check(self, answers: list[ReadResult]) -> None:
        for answer in answers:
            if self._tickets.get(answer.path) == answer.ticket:
                self._compare(answer.path, answer.state)
        self._work.run()

    def _taking(self, answers: list[ReadResult]) -> Iterator[None]:
        """Goes through readings that no event has asked for."""
        for answer in answers:
            path, state = answer.path, answer.state
            if self._tickets.get(path) == answer.ticket:
                if self._paths.put(path, answer.trace):
                    self._work.put(path)
                if state is not None:
                    # It may have been read in the middle of a save: what differs is read again.
                    known = [self._records[key].adopt(path, state) for key in self._keys[path]]
                    if all(known):
                        self._states[path] = state
                    else:
                        self._events.settle({path})
            yield

    def _compare(self, path: str, state: FileState | None) -> None:
        if state is None:
            return
        self._states[path] = state
        for key in self._keys.get(path, ()):
            record = self._records[key]
            if record.compare(path, state):
                record.changed.add(path)
                self._changed.add(key)

    def _tell_soon(self) -> None:
        for key in self._changed:
            record = self._records.get(key)
            if record is not None and record.telling is None:
                delay = record.throttle.delay(self._loop.time())
                record.telling = self._loop.call_later(delay, self._tell, key)
        self._changed.clear()

    def _tell(self, key: str) -> None:
        record = self._records[key]
        record.telling = None
        changed = frozenset(record.changed)
        record.changed.clear()
        self._on_change(key, changed)

    # Sweeps, polls and events.

    def _arm(self, name: str, delay: float, call: Callable[[], None]) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        self._timers[name] = self._loop.call_later(delay, call)

    def _sweep(self) -> None:
        """Compares everything: events may have been lost."""
        self._arm("sweep", self._settings.sweep, self._sweep)
        self._mounts.refresh()
        self._folders.retry()
        self._events.expire()
        self._walks.request_all()
        self._examine([path for path in self._paths if not self._paths.is_polled(path)])

    def _poll(self) -> None:
        """Compares what no event tells of."""
        self._arm("poll", self._settings.poll, self._poll)
        if self._is_poll_out or not self._folders.has_polled:
            return
        self._walks.request_polled()
        questions = []
        for path in self._paths:
            if self._paths.is_polled(path):
                ticket = self._tickets[path] = next(self._ticket)
                questions.append(ReadRequest(path, ticket, self._states.get(path)))
        if questions:
            self._is_poll_out = True
            self._reader.ask(questions, self._take_poll, remote=True)

    def _take_poll(self, answers: list[ReadResult]) -> None:
        self._is_poll_out = False
        self._take(answers)

    def _open_native(self) -> NativeWatch | None:
        try:
            return NativeWatch(self._wake)
        except OSError as error:
            logger.warning(
                "cannot use inotify: %s; files are polled instead, raise "
                "fs.inotify.max_user_instances",
                error,
            )
            return None

    def _wake(self) -> None:
        """In inotify's thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed first
            self._loop.call_soon_threadsafe(self._receive)

    def _receive(self) -> None:
        if self._native is not None and not self._is_closed:
            self._events.take(self._native.take())


def _check_paths(paths: Iterable[str]) -> None:
    for path in paths:
        if not path.startswith("/") or b"\0" in os.fsencode(path):
            raise ValueError(f"cannot watch {path!r}: the path has to be absolute")


def _nothing() -> None:
    pass
