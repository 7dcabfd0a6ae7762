"""What happens in the workspace, as a numbered feed."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

from hostler.v1 import workspace_pb2

#: Changes that are kept for who resumes or asks for history: some hours of an ordinary day.
KEPT = 1000

#: Bytes of them at most: each has a whole location, or a whole workspace.
KEPT_BYTES = 16_000_000


class LaggedError(Exception):
    """The changes asked for are no longer kept."""


class Changes:
    """The last changes, and everyone who waits for the next one."""

    def __init__(self) -> None:
        self._kept: deque[workspace_pb2.WorkspaceChange] = deque()
        self._size = 0
        self._revision = 0
        self._news = asyncio.Event()

    @property
    def revision(self) -> int:
        """The number of the newest change."""
        return self._revision

    @property
    def oldest(self) -> int:
        """The number of the oldest change that is kept; one more than `revision` if none is."""
        return self._kept[0].revision if self._kept else self._revision + 1

    def publish(self, change: workspace_pb2.WorkspaceChange) -> None:
        """Numbers a change and passes it on."""
        self._revision += 1
        change.revision = self._revision
        change.time.FromNanoseconds(time.time_ns())
        self._kept.append(change)
        self._size += change.ByteSize()
        while len(self._kept) > KEPT or (self._size > KEPT_BYTES and len(self._kept) > 1):
            self._size -= self._kept.popleft().ByteSize()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def news(self) -> asyncio.Event:
        """Set at the next change after this call."""
        return self._news

    async def follow(self, after: int) -> AsyncIterator[workspace_pb2.WorkspaceChange]:
        """Every change after a revision, past ones first, then each new one.

        Raises:
            LaggedError: some of them are no longer kept, or the reader has become that slow.
        """
        while True:
            if after + 1 < self.oldest:
                raise LaggedError
            news = self._news
            for change in list(self._kept)[max(0, after + 1 - self.oldest) :]:
                after = change.revision
                yield change
            if after >= self._revision:
                await news.wait()
