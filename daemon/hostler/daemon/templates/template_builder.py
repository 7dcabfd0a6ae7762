"""Builds a template: a process that imports all modules but those that must not be forked."""

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

#: Each try leaves out one more module that must not be forked.
MOST_TRIES = 20


class UnfitTemplateError(Exception):
    """No template can be made; the message says why."""


class _UnsafeModuleError(Exception):
    """A module must not be forked, or the process itself has failed.

    Attributes:
        module: the module's name; "" for the process itself.
    """

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(reason)
        self.module = module
        self.reason = reason


class TemplateBuilder:
    """Builds processes that have imported modules, and remembers which modules must not be forked.

    Attributes:
        modules: the modules to import, in this order.
        excluded: why each module was left out, by top-level name.
        files: the source files of packages that the last process has imported.
        listener: keeps the last lines that the processes print.
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
            next_owner: returns an owner for each process.
        """
        self.modules: dict[str, None] = {}
        self.excluded: dict[str, str] = {}
        self.files: tuple[str, ...] = ()
        self.listener = Listener(self._on_lines, lambda _: None)
        self._spec = spec
        self._next_owner = next_owner
        self._factory = factory
        self._tasks = tasks
        self._preloader: Preloader | None = None
        self._lines: deque[str] = deque(maxlen=factory.settings.failure_lines)

    # The preloader

    def start_preloader(self) -> None:
        """Starts the preloader, if there is none."""
        if self._preloader is None:
            owner = self._next_owner()
            self._preloader = Preloader(
                self._spec, owner, self._factory, self._tasks, self.listener
            )

    def preload(self, module: str) -> None:
        """Has the preloader, if there is one, import a module."""
        if self._preloader is not None:
            self._preloader.add(module)

    def drop_preloader(self) -> None:
        """Ends the preloader, if there is one."""
        if self._preloader is not None:
            self._preloader.drop()
            self._preloader = None

    # Making

    async def make(self) -> HostProcess:
        """Returns a process that has imported all modules that may be forked.

        Raises:
            UnfitTemplateError: no such process can be made.
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
            self._end(host, hangs=isinstance(error, TimeoutError))
            reason = self._reason_of(error)
            if reason is None:
                raise
            raise _UnsafeModuleError("", reason) from error
        if "unsafe" in answer:
            self._end(host)
            raise _UnsafeModuleError(answer["unsafe"]["module"], answer["unsafe"]["reason"])
        self.files = tuple(answer["files"])
        return host

    def _reason_of(self, error: BaseException) -> str | None:
        """Returns why the process has failed; None if the error is not of its doing."""
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
        if not preloader.modules <= self.modules.keys():  # the scout has only looked for some
            preloader.drop()
            return None
        return await preloader.finish()

    def _end(self, host: HostProcess | None, *, hangs: bool = False) -> None:
        """Has a process end by itself, which removes what its imports have made, or kills it."""
        if host is not None:
            end = self._factory.kill if hangs else self._factory.terminate
            self._tasks.start(end(host), f"end of {host.owner}")

    def _on_lines(self, _stream: Stream, texts: list[str], _pid: int) -> None:
        self._lines.extend(texts)
