"""The preloader: a process that imports, at the same time, each module that the scout imports.

When the scout is ready, the preloader has nearly imported all that the template needs, and becomes
the template. So other loads that wait for the template wait for one import of pandas, not for two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hostler.daemon.base.tasks import Tasks
from hostler.daemon.base.text import load_json
from hostler.daemon.launching.launcher import SpawnError
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import Method, WireError, dump


class Preloader:
    """Holds the process from its start until it becomes the template, or is dropped.

    Attributes:
        modules: the modules that were added so far.
    """

    def __init__(
        self,
        spec: LocationSpec,
        owner: str,
        factory: ProcessFactory,
        tasks: Tasks,
        listener: Listener,
    ) -> None:
        self._spec = spec
        self._owner = owner
        self._factory = factory
        self._tasks = tasks
        self._listener = listener
        self.modules: set[str] = set()
        self._announced: asyncio.Queue[str] = asyncio.Queue()
        self._host: HostProcess | None = None
        self._task = tasks.start(self._run(), f"start of {owner}")

    def add(self, module: str) -> None:
        """Has the process import a module, since the scout has begun to import it."""
        self.modules.add(module)
        self._announced.put_nowait(module)

    async def finish(self) -> HostProcess | None:
        """Returns the process when it has imported all added modules; None if it cannot be used."""
        self._announced.put_nowait("")
        try:
            await self._task
        except asyncio.CancelledError:
            if self._host is not None:
                self._kill(self._host)
            raise
        return self._host

    def drop(self) -> None:
        """Ends the process."""
        self._task.cancel()

    async def _run(self) -> None:
        host = None
        try:
            host = await self._factory.spawn(
                self._spec, self._owner, self._listener, is_template=True
            )
            await host.wait_for_hello()
            while module := await self._announced.get():
                if "unsafe" in await preload(host, [module], (), is_last=False):
                    break
            else:
                self._host = host
        except (SpawnError, ChannelClosedError, RemoteError, WireError):
            pass  # the template is then made without a preloader, and says why it cannot be
        finally:
            if host is not None and self._host is None:
                self._kill(host)

    def _kill(self, host: HostProcess) -> None:
        self._tasks.start(self._factory.terminate(host), f"end of {self._owner}")


async def preload(
    host: HostProcess, modules: Sequence[str], excluded: Sequence[str], *, is_last: bool
) -> dict[str, Any]:
    """Has a process that will be a template import modules; see `hostler.host.template.preload`.

    Raises:
        ChannelClosedError: the process has ended.
    """
    order = {"modules": list(modules), "excluded": list(excluded), "is_last": is_last}
    frame = await host.channel.request(Method.PRELOAD, dump(order))
    answer: dict[str, Any] = load_json(frame.body)
    return answer
