"""Reads files in threads, since the loop must not wait for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.daemon.watching.content.digests import FileState, read_state
from hostler.daemon.watching.content.trace import Trace, Tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: At the close, a read from a file server gets this long to end.
_REMOTE_END_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A path to be read.

    Attributes:
        ticket: tells a late result from a newer one of the same path.
        last: what the path read as the last time; None where it was not read yet.
    """

    path: str
    ticket: int
    last: FileState | None


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Where a path leads, and what it reads as; `state` is None where that cannot be told."""

    path: str
    ticket: int
    trace: Trace
    state: FileState | None


class FileReader:
    """Reads files in two threads, so that a hanging file server does not hold up local files."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._local = ThreadPoolExecutor(1, "hostler-watch")
        self._remote = ThreadPoolExecutor(1, "hostler-poll")
        self._jobs: set[asyncio.Future[list[ReadResult]]] = set()

    def read(
        self,
        requests: Sequence[ReadRequest],
        take: Callable[[list[ReadResult]], None],
        *,
        remote: bool = False,
    ) -> None:
        """Reads the paths in a thread, then calls `take` on the loop."""
        pool = self._remote if remote else self._local
        job = self._loop.run_in_executor(pool, _read_all, requests)
        self._jobs.add(job)

        def done(job: asyncio.Future[list[ReadResult]]) -> None:
            self._jobs.discard(job)
            if not job.cancelled():
                take(job.result())

        job.add_done_callback(done)

    async def close(self, finish: Callable[[], None]) -> None:
        """Runs `finish` in the local files' thread, then ends both threads."""
        for job in list(self._jobs):
            job.cancel()
        await self._loop.run_in_executor(self._local, finish)
        self._local.shutdown()
        # A hanging file server must not hold up the daemon's end: its thread is left behind.
        idle = self._loop.run_in_executor(self._remote, _nothing)
        done, _ = await asyncio.wait({idle}, timeout=_REMOTE_END_SECONDS)
        self._remote.shutdown(wait=bool(done), cancel_futures=True)


def _read_all(requests: Sequence[ReadRequest]) -> list[ReadResult]:
    """Traces each path, then reads it."""
    tracer = Tracer()
    return [
        ReadResult(
            each.path, each.ticket, tracer.trace(each.path), read_state(each.path, each.last)
        )
        for each in requests
    ]


def _nothing() -> None:
    pass
