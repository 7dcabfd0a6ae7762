"""The workers of a location, over all of its generations."""

import asyncio
from collections.abc import Awaitable, Callable

from hostler.daemon.base.settings import Settings
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.shared_calls import SharedCalls
from hostler.daemon.generations.workers import CallLimit, Workers
from hostler.daemon.processes.host_process import HostProcess


class WorkerPools:
    """Keeps the workers of the generation that clients read, and ends those of earlier ones."""

    def __init__(
        self,
        start: Callable[[Generation], Awaitable[HostProcess]],
        end: Callable[[HostProcess], asyncio.Task[None]],
        kill: Callable[[HostProcess], asyncio.Task[None]],
        settings: Settings,
        tasks: Tasks,
        name: str,
        *,
        quick_calls: int = 0,
    ) -> None:
        """
        Args:
            start: makes a worker of a generation.
            end: has a worker that calls nothing end by itself.
            kill: ends a worker that may be in the user's code.
            name: the location's name.
            quick_calls: so many calls at once, of which a slow one counts no longer; 0 for
                `worker_limit`, in which all count.
        """
        self._quick_calls = quick_calls
        self._start = start
        self._end = end
        self._kill = kill
        self._settings = settings
        self._tasks = tasks
        self._name = name
        self._calls: SharedCalls | None = None
        self._retirements: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> list[int]:
        """The pids of the workers of the newest generation that was read."""
        return self._calls.workers.pids if self._calls else []

    def of(self, generation: Generation) -> SharedCalls:
        """Returns what calls the functions of a generation, until `retire`."""
        if self._calls is None:
            most = self._quick_calls or self._settings.worker_limit
            limit = CallLimit(most, lets_slow_pass=self._quick_calls > 0)
            workers = Workers(lambda: self._start(generation), self._end, self._kill, limit)
            self._calls = SharedCalls(generation, workers)
        return self._calls

    def retire(self, seconds: float) -> None:
        """Ends the workers, since another generation will be read.

        Args:
            seconds: how long their calls may go on.
        """
        retired, self._calls = self._calls, None
        if retired is not None:
            work = retired.workers.retire(seconds)
            task = self._tasks.start(work, f"retirement of workers of {self._name}")
            self._retirements.add(task)
            task.add_done_callback(self._retirements.discard)

    async def retired(self) -> None:
        """Returns when all retired workers have ended."""
        if self._retirements:
            await asyncio.wait(list(self._retirements))
