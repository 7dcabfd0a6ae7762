"""The runs as they are now, for those who watch many: each run once, with its newest change."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.daemon.runs.store.record import Run, run_id
from hostler.v1 import run_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Seconds: what changes in a run within this is told as one change. A change of its state is told
#: at once.
INTERVAL = 0.05

#: Changed runs that are kept for watchers that resume, and their bytes.
MOST_KEPT, MOST_BYTES = 10_000, 16_000_000

Response = run_pb2.WatchRunsResponse


class FollowerLaggedError(Exception):
    """The changes that a follower asks for are no longer kept."""


@dataclass(slots=True)
class ChangedRun:
    """The newest change of a run.

    Attributes:
        run: without its config; of one that was deleted its last state.
        is_deleted: whether it was deleted.
        token: resumes after the change.
    """

    revision: int
    run: Run
    is_deleted: bool
    token: str
    size: int
    _told: bytes = b""
    _removed: bytes = b""

    def message(self, *, is_wanted: bool) -> bytes:
        """Returns the serialized change, made once for all watchers.

        Args:
            is_wanted: whether the run fits the watcher's filter now.
        """
        if is_wanted and not self.is_deleted:
            if not self._told:
                told = Response(resume_token=self.token, run=self.run)
                self._told = told.SerializeToString()
            return self._told
        if not self._removed:
            removed = Response(resume_token=self.token, removed_run=self.run.name)
            self._removed = removed.SerializeToString()
        return self._removed


class RunFeed:
    """Keeps the newest change of each run that has changed lately, in the order of the changes.

    A follower that is slower than the changes gets each run once, as it is by then: what waits for
    it never grows beyond the number of runs.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        #: A revision means nothing to another daemon.
        self._epoch = secrets.token_hex(6)
        self._changed: OrderedDict[str, ChangedRun] = OrderedDict()
        self._waiting: dict[str, tuple[Run, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._revision = 0
        self._forgotten = 0
        self._size = 0
        self._next = asyncio.Event()
        self._is_closing = False

    @property
    def revision(self) -> int:
        """Returns the number of the newest change."""
        return self._revision

    def token(self, revision: int) -> str:
        """Returns what resumes after a revision."""
        return f"{self._epoch}-{revision}"

    def revision_of(self, token: str) -> int | None:
        """Returns the revision of a token; None where it is another daemon's, or too old."""
        epoch, _, digits = token.partition("-")
        if epoch != self._epoch or not (digits.isascii() and digits.isdigit()):
            return None
        revision = int(digits[:18])
        return revision if self._forgotten <= revision <= self._revision else None

    def note(self, run: Run, *, at_once: bool = False, is_deleted: bool = False) -> None:
        """Tells a change of a run.

        Args:
            run: as it is now, and goes on changing; without its config.
            at_once: whether the change is one of its state, which waits for no other.
        """
        self._waiting[run_id(run)] = (run, is_deleted)
        if at_once:
            self._publish()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._publish)

    def close(self) -> None:
        """Ends the iteration of those who follow."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    async def follow(self, after: int) -> AsyncIterator[ChangedRun]:
        """Yields the runs that have changed after a revision, then each that changes.

        Raises:
            FollowerLaggedError: some of the changes are no longer kept.
        """
        while not self._is_closing:
            if after < self._forgotten:
                raise FollowerLaggedError
            next_change = self._next
            for change in self._after(after):
                after = change.revision
                yield change
            if after >= self._revision:
                await next_change.wait()

    def _after(self, revision: int) -> list[ChangedRun]:
        found: list[ChangedRun] = []
        for change in reversed(self._changed.values()):
            if change.revision <= revision:
                break
            found.append(change)
        return found[::-1]

    def _publish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for name, (run, is_deleted) in self._waiting.items():
            self._revision += 1
            copied = Run()
            copied.CopyFrom(run)
            before = self._changed.pop(name, None)
            self._size -= before.size if before else 0
            change = ChangedRun(
                self._revision, copied, is_deleted, self.token(self._revision), copied.ByteSize()
            )
            self._changed[name] = change
            self._size += change.size
        self._waiting.clear()
        while len(self._changed) > MOST_KEPT or (self._size > MOST_BYTES and self._changed):
            _, oldest = self._changed.popitem(last=False)
            self._size -= oldest.size
            self._forgotten = oldest.revision
        self._wake()

    def _wake(self) -> None:
        next_change, self._next = self._next, asyncio.Event()
        next_change.set()
