"""Background work of the daemon, under one root."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from hostler.daemon.base.journal import Journal


class Tasks:
    """A task group that outlives the faults of its tasks.

    A fault of ours in one location's task must not end the daemon for all others: it is logged
    with its traceback, and the group goes on.
    """

    def __init__(self, journal: Journal) -> None:
        self._group = asyncio.TaskGroup()
        self._journal = journal
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._running:
            task.cancel()
        # the tasks' faults are logged; an error of the body is the caller's, and goes on as it is
        await self._group.__aexit__(None, None, None)

    def start(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[None]:
        """Starts `work` in the background."""
        task = self._group.create_task(self._guard(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, object], name: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 (logged; one task's fault is not the daemon's end)
            self._journal.fault("a task failed", error, task=name)
