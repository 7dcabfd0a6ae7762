"""Calls of the user's functions for the readers of one generation: the same call is made once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import DefinitionKey
from hostler.daemon.generations.workers import WorkerDiedError, Workers


class SharedCalls:
    """Calls the user's functions in workers; readers who ask for the same share one call.

    A call goes on while any reader waits for it. When the last reader has gone, the call is
    cancelled and its worker ended.
    """

    def __init__(self, generation: Generation, workers: Workers) -> None:
        self.workers = workers
        self.generation = generation
        self._tasks: dict[object, asyncio.Task[Any]] = {}
        self._waiting: dict[object, int] = {}

    async def definition(self, key: DefinitionKey) -> bytes:
        """Returns a serialized definition; a lazy one is constructed once and kept.

        Raises:
            WorkerDiedError: two workers died while they constructed it.
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
        """Returns what a function of hostler.host.calls says of a definition; keeps no answer.

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
            return await self.workers.call(order)  # a second death is the code's fault

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
