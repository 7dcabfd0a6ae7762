"""A process that imports what the first load of an environment imports, beside it.

Where others wait for the template, it need not wait for the end of that load: an import of pandas
takes as long in both, and there are two processors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hostler.daemon.base.tasks import Tasks
from hostler.daemon.base.text import load_json
from hostler.daemon.launching.launcher import SpawnError
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import Hosting
from hostler.daemon.processes.host_process import Hosted, Listener
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import Method, WireError, dump


class Ahead:
    """The process, from its start until it becomes the template, or is dropped."""

    def __init__(
        self, spec: LocationSpec, owner: str, hosting: Hosting, tasks: Tasks, listener: Listener
    ) -> None:
        self._spec = spec
        self._owner = owner
        self._hosting = hosting
        self._tasks = tasks
        self._listener = listener
        #: What was announced so far.
        self.modules: set[str] = set()
        self._announced: asyncio.Queue[str] = asyncio.Queue()
        self._hosted: Hosted | None = None
        self._following = tasks.start(self._follow(), f"start of {owner}")

    def follow(self, module: str) -> None:
        """The load has begun to import a module."""
        self.modules.add(module)
        self._announced.put_nowait(module)

    async def taken(self) -> Hosted | None:
        """The process, when it has imported all that was announced; None if it is of no use."""
        self._announced.put_nowait("")
        try:
            await self._following
        except asyncio.CancelledError:
            if self._hosted is not None:
                self._kill(self._hosted)
            raise
        return self._hosted

    def drop(self) -> None:
        """Ends it."""
        self._following.cancel()

    async def _follow(self) -> None:
        hosted = None
        try:
            hosted = await self._hosting.spawn(
                self._spec, self._owner, self._listener, is_template=True
            )
            await hosted.greeted()
            while module := await self._announced.get():
                if "unsafe" in await preload(hosted, [module], (), is_last=False):
                    break
            else:
                self._hosted = hosted
        except (SpawnError, ChannelClosedError, RemoteError, WireError):
            pass  # the template is made as if nothing had been announced, and says why
        finally:
            if hosted is not None and self._hosted is None:
                self._kill(hosted)

    def _kill(self, hosted: Hosted) -> None:
        self._tasks.start(self._hosting.kill(hosted), f"end of {self._owner}")


async def preload(
    hosted: Hosted, modules: Sequence[str], excluded: Sequence[str], *, is_last: bool
) -> dict[str, Any]:
    """Has a process that is to be a template import modules; see `hostler.host.template.preload`.

    Raises:
        ChannelClosedError: it has ended.
    """
    order = {"modules": list(modules), "excluded": list(excluded), "is_last": is_last}
    frame = await hosted.channel.request(Method.PRELOAD, dump(order))
    answer: dict[str, Any] = load_json(frame.body)
    return answer
