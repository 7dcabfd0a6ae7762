"""The changes of the workspace, numbered, for those who watch it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from hostler.daemon.supervision.snapshots import as_change
from hostler.v1 import workspace_pb2

#: Changes that are kept for watchers that resume or ask for history: some hours of ordinary work.
MAX_CHANGES = 1000

#: Bytes of the kept changes at most: each has a whole location, or a whole workspace.
MAX_BYTES = 16_000_000


class FollowerLaggedError(Exception):
    """The changes that a follower asks for are no longer kept."""


class Change(NamedTuple):
    """One change.

    Attributes:
        message: a hostler.v1.WorkspaceChange, serialized once for all watchers; as an object it
            would take four times the memory.
    """

    revision: int
    message: bytes


class ChangeFeed:
    """Keeps the last changes, and hands each new one to those who wait."""

    def __init__(self) -> None:
        self._kept: deque[Change] = deque()
        self._size = 0
        self._revision = 0
        self._next = asyncio.Event()

    @property
    def revision(self) -> int:
        """Returns the number of the newest change."""
        return self._revision

    @property
    def oldest(self) -> int:
        """Returns the number of the oldest change that is kept, or `revision` + 1 if none is."""
        return self._kept[0].revision if self._kept else self._revision + 1

    def publish(self, change: workspace_pb2.WorkspaceChange, workspace: bytes = b"") -> None:
        """Numbers a change, keeps it, and passes it on to the followers.

        Args:
            workspace: what `change.workspace` is, serialized; nothing for another change.
        """
        self._revision += 1
        change.revision = self._revision
        change.time.FromNanoseconds(time.time_ns())
        message = as_change(change, workspace) if workspace else change.SerializeToString()
        kept = Change(self._revision, message)
        self._kept.append(kept)
        self._size += len(kept.message)
        while len(self._kept) > MAX_CHANGES or (self._size > MAX_BYTES and len(self._kept) > 1):
            self._size -= len(self._kept.popleft().message)
        next_change, self._next = self._next, asyncio.Event()
        next_change.set()

    def next_change(self) -> asyncio.Event:
        """Returns an event that is set at the next change after this call."""
        return self._next

    async def follow(self, after: int) -> AsyncIterator[Change]:
        """Yields every change after a revision, past ones first, then each new one.

        Raises:
            FollowerLaggedError: some of them are no longer kept, or the reader has become
                that slow.
        """
        while True:
            if after + 1 < self.oldest:
                raise FollowerLaggedError
            next_change = self._next
            for change in list(self._kept)[max(0, after + 1 - self.oldest) :]:
                after = change.revision
                yield change
            if after >= self._revision:
                await next_change.wait()
