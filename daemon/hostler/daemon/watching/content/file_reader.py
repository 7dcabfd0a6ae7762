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

#: What a reading from a file server gets to end in at the close.
_REMOTE_END = 2.0


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A path to be read."""

    path: str
    #: Tells a late answer from a newer one.
    ticket: int
    last: FileState | None


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What was found."""

    path: str
    ticket: int
    trace: Trace
    state: FileState | None


class FileReader:
    """Two threads: a file server that does not answer must not hold up the local files."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._local = ThreadPoolExecutor(1, "hostler-watch")
        self._remote = ThreadPoolExecutor(1, "hostler-poll")
        self._jobs: set[asyncio.Future[list[ReadResult]]] = set()

    def ask(
        self,
        questions: Sequence[ReadRequest],
        answer: Callable[[list[ReadResult]], None],
        *,
        remote: bool = False,
    ) -> None:
        """Reads the paths in a thread and calls `answer` on the loop."""
        pool = self._remote if remote else self._local
        job = self._loop.run_in_executor(pool, read_all, questions)
        self._jobs.add(job)

        def done(job: asyncio.Future[list[ReadResult]]) -> None:
            self._jobs.discard(job)
            if not job.cancelled():
                answer(job.result())

        job.add_done_callback(done)

    async def close(self, last: Callable[[], None]) -> None:
        """Ends the threads, after `last` has run in one of them."""
        for job in list(self._jobs):
            job.cancel()
        await self._loop.run_in_executor(self._local, last)
        self._local.shutdown()
        # A file server that does not answer must not hold up the daemon's end: its thread is left.
        idle = self._loop.run_in_executor(self._remote, _nothing)
        done, _ = await asyncio.wait({idle}, timeout=_REMOTE_END)
        self._remote.shutdown(wait=bool(done), cancel_futures=True)


def _nothing() -> None:
    pass


def read_all(questions: Sequence[ReadRequest]) -> list[ReadResult]:
    """Traces and reads each path, after it was traced."""
    tracer = Tracer()
    return [
        ReadResult(q.path, q.ticket, tracer.trace(q.path), read_state(q.path, q.last))
        for q in questions
    ]
