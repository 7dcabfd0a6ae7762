"""The making of a template: a process that imports modules, without those that bear no fork."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from hostler.daemon.launching.launcher import SpawnError
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.host_process import HostProcess, Listener, Stream
from hostler.daemon.templates.preloader import Preloader, preload
from hostler.host.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.workspace.text.models import LocationSpec

#: Importing what a load has imported cannot take much longer than the load.
PRELOAD_SECONDS = 60.0

#: Each is begun again without one module that forks do not bear.
MOST_TRIES = 20


class UnfitTemplateError(Exception):
    """There cannot be a template; the message says why."""


class _UnsafeModuleError(Exception):
    """A module does not bear a fork, or the process is of no use.

    Attributes:
        module: "" for the process itself.
    """

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(reason)
        self.module = module
        self.reason = reason


class TemplateBuilder:
    """Makes processes that have imported modules, and remembers which do not bear a fork.

    Attributes:
        modules: to be imported, in this order.
        excluded: why modules were left out, by top-level name.
        files: the sources of packages that the last process was made of.
        listener: keeps the last lines that its processes print.
    """

    def __init__(
        self,
        spec: LocationSpec,
        next_owner: Callable[[], str],
        factory: ProcessFactory,
        tasks: Tasks,
    ) -> None:
        """
        Args:
            next_owner: an owner for each process.
        """
        self.modules: dict[str, None] = {}
        self.excluded: dict[str, str] = {}
        self.files: tuple[str, ...] = ()
        self.listener = Listener(self._on_line, lambda _: None)
        self._spec = spec
        self._next_owner = next_owner
        self._factory = factory
        self._tasks = tasks
        self._preloader: Preloader | None = None
        self._lines: deque[str] = deque(maxlen=factory.settings.failure_lines)

    # Ahead of what is learned

    def start_preloader(self) -> None:
        """A first load has begun that others wait for: imports what it imports, beside it."""
        if self._preloader is None:
            owner = self._next_owner()
            self._preloader = Preloader(
                self._spec, owner, self._factory, self._tasks, self.listener
            )

    def preload(self, module: str) -> None:
        """The first load has begun to import a module."""
        if self._preloader is not None:
            self._preloader.add(module)

    def drop_preloader(self) -> None:
        """Ends what followed the first load; nothing where there is nothing."""
        if self._preloader is not None:
            self._preloader.drop()
            self._preloader = None

    # Making

    async def make(self) -> HostProcess:
        """Returns a process that has imported all that bears a fork.

        Raises:
            UnfitTemplateError: there cannot be one.
        """
        for _ in range(MOST_TRIES):
            try:
                return await self._try()
            except _UnsafeModuleError as error:
                if not error.module or error.module in self.excluded:
                    what = error.module or "the process"
                    raise UnfitTemplateError(
                        f"there is no template: {what}: {error.reason}"
                    ) from error
                self.excluded[error.module] = error.reason
        raise UnfitTemplateError(
            f"there is no template: more than {MOST_TRIES} modules do not bear a fork"
        )

    async def _try(self) -> HostProcess:
        self._lines.clear()
        host = None
        try:
            async with asyncio.timeout(PRELOAD_SECONDS):
                host = await self._finish_preloader()
                if host is None:
                    host = await self._factory.spawn(
                        self._spec, self._next_owner(), self.listener, is_template=True
                    )
                await host.wait_for_hello()
                answer = await preload(host, list(self.modules), list(self.excluded), is_last=True)
        except BaseException as error:
            self._kill(host)
            reason = self._reason_of(error)
            if reason is None:
                raise
            raise _UnsafeModuleError("", reason) from error
        if "unsafe" in answer:
            self._kill(host)
            raise _UnsafeModuleError(answer["unsafe"]["module"], answer["unsafe"]["reason"])
        self.files = tuple(answer["files"])
        return host

    def _reason_of(self, error: BaseException) -> str | None:
        """Returns why a process is of no use; None for what is none of its doing."""
        if isinstance(error, (SpawnError, ChannelClosedError, RemoteError, WireError)):
            last = f" ({self._lines[-1]})" if self._lines else ""
            return f"it ended: {error}{last}"
        if isinstance(error, TimeoutError):
            return f"its imports took longer than {PRELOAD_SECONDS:g} s"
        return None

    async def _finish_preloader(self) -> HostProcess | None:
        preloader, self._preloader = self._preloader, None
        if preloader is None:
            return None
        if not preloader.modules <= self.modules.keys():  # something was only looked for
            preloader.drop()
            return None
        return await preloader.finish()

    def _kill(self, host: HostProcess | None) -> None:
        if host is not None:
            self._tasks.start(self._factory.kill(host), f"end of {host.owner}")

    def _on_line(self, _stream: Stream, text: str, _pid: int) -> None:
        self._lines.append(text)
