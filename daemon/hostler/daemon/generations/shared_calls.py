"""What only the user's functions can tell of one generation: each asked once for all readers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import DefinitionKey
from hostler.daemon.generations.workers import WorkerDiedError, Workers


class SharedCalls:
    """Calls the user's functions in workers.

    A call goes on while anybody waits for it. When the last one has gone it is cancelled, and its
    worker with it.
    """

    def __init__(self, generation: Generation, workers: Workers) -> None:
        self.workers = workers
        self.generation = generation
        self._tasks: dict[object, asyncio.Task[Any]] = {}
        self._waiting: dict[object, int] = {}

    async def definition(self, key: DefinitionKey) -> bytes:
        """A serialized definition; a lazy one is constructed once and kept.

        Raises:
            WorkerDiedError: the construction killed two workers.
            RetiredError: the generation was replaced, or the location stopped, meanwhile.
            NoProcessError: no worker could be made.
            RemoteError: the user's function raised.
        """
        cached = self.generation.definitions.get(key)
        if cached is not None:
            return cached
        found: bytes = await self._shared(key, lambda: self._construct(key))
        return found

    async def call(self, function: str, key: DefinitionKey, **arguments: object) -> dict[str, Any]:
        """What a function of hostler.host.calls says of a definition; kept only while it is asked.

        Raises:
            WorkerDiedError, RetiredError, NoProcessError, RemoteError: as `definition`.
        """
        order: dict[str, object] = {
            "function": function,
            "repository": key.repository,
            "name": key.name,
            **arguments,
        }
        said: dict[str, Any] = await self._shared(tuple(order.items()), lambda: self._call(order))
        return said

    async def _construct(self, key: DefinitionKey) -> bytes:
        order: dict[str, object] = {
            "function": "define",
            "kind": key.kind.collection,
            "repository": key.repository,
            "name": key.name,
        }
        return self.generation.definitions.add(key, await self._call(order))

    async def _call(self, order: dict[str, object]) -> dict[str, Any]:
        try:
            return await self.workers.call(order)
        except WorkerDiedError:
            return await self.workers.call(order)  # a second death is the code's own

    async def _shared(self, what: object, begin: Callable[[], Awaitable[Any]]) -> Any:
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = asyncio.ensure_future(begin())
            self._waiting[what] = 0
        self._waiting[what] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if self._tasks.get(what) is task:
                self._waiting[what] -= 1
                if task.done() or not self._waiting[what]:
                    task.cancel()
                    del self._tasks[what], self._waiting[what]
