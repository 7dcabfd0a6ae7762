"""The daemon's background tasks, in one task group."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from hostler.daemon.base.journal import Journal


class Tasks:
    """Runs tasks in a group that outlives their faults.

    A fault of hostler in one location's task must not end the daemon for all others: the group
    logs it with its traceback and goes on.
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
        # the tasks' faults are logged; an error of the body goes on to the caller as it is
        await self._group.__aexit__(None, None, None)

    def start(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[None]:
        """Starts `work` in the background."""
        task = self._group.create_task(self._guard(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # one that is cancelled in the turn of its start has not begun, and would be warned of
        task.add_done_callback(lambda _: work.close())
        return task

    async def _guard(self, work: Coroutine[Any, Any, object], name: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 (logged; one task's fault is not the daemon's end)
            self._journal.fault("a task failed", error, task=name)
