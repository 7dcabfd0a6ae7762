"""Reads the paths of all watches, and compares what they read as with what the watches know."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hostler.daemon.watching.content.digests import FileState, is_large, read_state
from hostler.daemon.watching.content.file_reader import FileReader, ReadRequest, ReadResult
from hostler.daemon.watching.content.trace import Tracer
from hostler.daemon.watching.folders.deferred_paths import DeferredPaths
from hostler.daemon.watching.work_queue import WorkQueue

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator

    from hostler.daemon.watching.content.watch_record import RecordHolder
    from hostler.daemon.watching.folders.path_index import PathIndex
    from hostler.daemon.watching.folders.pattern_walker import PatternWalker

#: A path whose folders are being made while it is traced is traced again, this often at most; the
#: sweep sees what even that missed.
_TRACE_ROUNDS = 4


class PathChecker:
    """Reads each path once for all watches that have it: on the loop, or in a thread.

    Attributes:
        deferred: the paths that are not to be read yet.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        paths: PathIndex,
        walker: PatternWalker,
        reader: FileReader,
        settle: float,
    ) -> None:
        """
        Args:
            settle: seconds that `deferred` waits.
        """
        self.deferred = DeferredPaths(loop, settle, self.check)
        self._paths = paths
        self._walker = walker
        self._reader = reader
        self._watches: dict[str, set[RecordHolder]] = {}
        self._states: dict[str, FileState] = {}
        # The number of each path's newest read; the result of an older one is dropped.
        self._tickets: dict[str, int] = {}
        self._ticket = itertools.count(1)
        self._tracer = Tracer()
        self._work = WorkQueue(loop, self._begin_turn, self._check, self._tell)
        self._changed: set[RecordHolder] = set()
        self._is_poll_out = False

    # The paths of the watches

    def enter(self, watch: RecordHolder, path: str) -> None:
        """Adds a path to those of a watch, and drops the result of a read that is under way."""
        self._watches.setdefault(path, set()).add(watch)
        self._tickets.pop(path, None)

    def leave(self, watch: RecordHolder, paths: Iterable[str]) -> None:
        """Removes paths from those of a watch."""
        for path in paths:
            watches = self._watches[path]
            watches.discard(watch)
            if not watches:
                del self._watches[path]
                self._tickets.pop(path, None)
                self._states.pop(path, None)
                self._work.discard(path)
                self._paths.drop(path)

    def follow(self, path: str) -> None:
        """Watches the folders that the path leads through at present."""
        for _ in range(_TRACE_ROUNDS):
            if not self._paths.put(path, self._tracer.trace(path)):
                return
            # What was traced before its folders were watched may be out of date.
            self._tracer = Tracer()

    def is_followed(self, path: str) -> bool:
        """Returns whether the folders of the path are watched."""
        return path in self._paths

    def is_polled(self, path: str) -> bool:
        """Returns whether events that concern the path may fail to come."""
        return self._paths.is_polled(path)

    def is_any_polled(self, paths: Iterable[str]) -> bool:
        """Returns whether events that concern any of the paths may fail to come."""
        return self._paths.has_polled and any(map(self._paths.is_polled, paths))

    def reads_as(self, path: str, digest: str | None) -> bool:
        """Returns whether the path last read as this content, and events tell of a change."""
        state = self._states.get(path)
        is_known = state is not None and state.digest == digest
        return is_known and path in self._paths and not self._paths.is_polled(path)

    # When paths are read

    def begin(self, job: Iterator[None]) -> None:
        """Does a job step by step: now as far as the loop can wait, the rest in later turns."""
        self._work.add(job)

    def check(self, paths: Iterable[str]) -> None:
        """Reads paths to which something has happened: now as far as the loop can wait."""
        self._work.check(paths)

    def examine(self, paths: Iterable[str]) -> None:
        """Reads those of the paths in a thread that a watch has."""
        self._examine([path for path in paths if path in self._watches], self._take)

    def sweep(self) -> None:
        """Reads every path in a thread, but for those that are polled."""
        self._examine([path for path in self._paths if not self._paths.is_polled(path)], self._take)

    def poll(self) -> None:
        """Reads every polled path in a thread, unless the last poll has not ended."""
        if self._is_poll_out or not self._paths.has_polled:
            return
        self._walker.request_polled()
        requests = [self._request(path) for path in self._paths if self._paths.is_polled(path)]
        if requests:
            self._is_poll_out = True
            self._reader.read(requests, self._take_poll, remote=True)

    def close(self) -> None:
        """Reads nothing more."""
        self.deferred.close()
        self._work.close()

    @property
    def is_busy(self) -> bool:
        """Whether work is left for later turns of the loop."""
        return self._work.is_busy

    def _begin_turn(self) -> None:
        """Has each folder looked at once in a turn, however many paths share it."""
        self._tracer = Tracer()

    def _check(self, path: str) -> None:
        if path not in self._watches:
            return  # its watch has left it while it was deferred
        self.follow(path)
        self._walker.request_from(path)
        if self.deferred.is_unfinished(self._paths.real(path)):
            return
        if self._paths.is_polled(path) or is_large(path):
            self._examine([path], self._take_check)
            return
        self._tickets[path] = next(self._ticket)
        self._compare(path, read_state(path, self._states.get(path)))

    def _request(self, path: str) -> ReadRequest:
        ticket = self._tickets[path] = next(self._ticket)
        return ReadRequest(path, ticket, self._states.get(path))

    def _examine(self, paths: Iterable[str], take: Callable[[list[ReadResult]], None]) -> None:
        lanes: dict[bool, list[ReadRequest]] = {False: [], True: []}
        for path in paths:
            lanes[self._paths.is_polled(path)].append(self._request(path))
        for is_remote, requests in lanes.items():
            if requests:
                self._reader.read(requests, take, remote=is_remote)

    # What was read

    def _take(self, results: list[ReadResult]) -> None:
        self._work.add(self._go_through(results))

    def _take_poll(self, results: list[ReadResult]) -> None:
        self._is_poll_out = False
        self._take(results)

    def _take_check(self, results: list[ReadResult]) -> None:
        for result in results:
            if self._tickets.get(result.path) == result.ticket:
                self._compare(result.path, result.state)
        self._work.run()

    def _go_through(self, results: list[ReadResult]) -> Iterator[None]:
        """Goes through results of reads that no event has asked for."""
        for result in results:
            path, state = result.path, result.state
            if self._tickets.get(path) == result.ticket:
                if self._paths.put(path, result.trace):
                    self._work.put(path)
                if state is not None:
                    # The read may have met the middle of a save: what differs is read again.
                    known = [watch.record.adopt(path, state) for watch in self._watches[path]]
                    if all(known):
                        self._states[path] = state
                    else:
                        self.deferred.defer({path})
            yield

    def _compare(self, path: str, state: FileState | None) -> None:
        if state is None:
            return
        self._states[path] = state
        for watch in self._watches.get(path, ()):
            if watch.record.compare(path, state):
                self._changed.add(watch)

    def _tell(self) -> None:
        for watch in self._changed:
            watch.tell_soon()
        self._changed.clear()
