"""Workers and runs of one location: forks where that is safe, else spawns."""

import asyncio
from collections.abc import Callable
from typing import Any

from hostler.daemon.generations.generation import Generation
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.fork_policy import Report
from hostler.daemon.locations.standby import Standby
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.processes import command
from hostler.daemon.processes.channel import RemoteError
from hostler.daemon.processes.factory import ForkError
from hostler.daemon.processes.host_process import HostProcess, Listener, Role
from hostler.daemon.templates.environments import Origin


class NoProcessError(Exception):
    """No process for a worker or a run could be had."""


class Replicas:
    """Makes processes that have loaded a generation, and sees to their end."""

    def __init__(
        self,
        context: LocationContext,
        log: LocationLog,
        on_unfit: Callable[[Report], None],
        standby: Standby,
    ) -> None:
        """
        Args:
            on_unfit: told where a fork of the template has loaded what is not for forks.
            standby: what waits for the next run.
        """
        self._context = context
        self._on_unfit = on_unfit
        self._log = log
        self._standby = standby

    async def obtain(
        self,
        of: Generation,
        parent: HostProcess | None,
        role: Role,
        owner: str,
        listener: Listener,
        fresh: str,
    ) -> HostProcess:
        """A process that has loaded generation `of`.

        Args:
            parent: a process of that generation to fork; None where there is none, or where a fork
                is not safe.
            fresh: why it has to be a new interpreter otherwise; empty where a fork of the template
                will do, which loads the code anew.

        Raises:
            NoProcessError: neither a fork nor a spawn worked.
            RemoteError: the code could not be loaded anew.
        """
        if parent is not None:
            try:
                host = await self._fork(parent, role, owner, listener)
            except ForkError as error:
                now = self._context.clock.time()
                self._log.write(now, "daemon", f"{error}; it is spawned", role=role)
            else:
                self._watch_over(host)
                return host
        return await self._load_anew(of, owner, listener, fresh)

    async def _fork(
        self, parent: HostProcess, role: Role, owner: str, listener: Listener
    ) -> HostProcess:
        if role != "run":
            return await self._context.factory.fork(parent, owner, listener)
        waiting = await self._standby.take(parent)
        if waiting is not None:
            self._context.factory.hand_over(waiting, owner, listener)
        made = waiting or await self._context.factory.fork(parent, owner, listener)
        self._standby.prepare()
        return made

    def end(self, host: HostProcess) -> asyncio.Task[None]:
        """Ends a process, and what it has started, in the background."""
        work = self._context.factory.kill(host)
        return self._context.tasks.start(work, f"end of {host.owner}")

    async def _load_anew(
        self, of: Generation, owner: str, listener: Listener, fresh: str
    ) -> HostProcess:
        host, origin = await self._start(of, owner, listener, fresh)
        if not origin.is_fork:
            await self._load(host, of, of.spec.load_timeout)
            return host
        try:
            patience = self._context.environments.fork_patience(of.spec)
            body = await self._load(host, of, patience)
            report = Report.of(body)
            reason = report.unfit_after_fork()
            if not reason:
                return host
            self._on_unfit(report)
            self.end(host)
        except (NoProcessError, RemoteError) as error:
            reason = f"a fork failed: {error}"  # a new interpreter says whether it is to blame
        # another owner: what is the fork's is still being ended
        host, _ = await self._start(of, f"{owner}/2", listener, reason)
        await self._load(host, of, of.spec.load_timeout)
        return host

    async def _start(
        self, of: Generation, owner: str, listener: Listener, fresh: str
    ) -> tuple[HostProcess, Origin]:
        try:
            host, origin = await self._context.environments.start(of.spec, owner, listener, fresh)
        except Exception as error:
            executable = command.executable(of.spec)
            raise NoProcessError(f"cannot start {executable}: {error}") from error
        self._watch_over(host)
        return host, origin

    async def _load(self, host: HostProcess, of: Generation, seconds: float) -> dict[str, Any]:
        """Has a process load the sources of a generation; it is ended where it cannot.

        Args:
            seconds: that it may take; 0 for any time.
        """
        try:
            async with asyncio.timeout(seconds or None):
                await host.greeted()
                return await self._context.factory.load(host, of.spec, of.sources())
        except BaseException as error:
            self.end(host)
            if isinstance(error, RemoteError):
                raise  # the user's code says why
            if isinstance(error, TimeoutError):
                raise NoProcessError(
                    "cannot load the code anew in a process: "
                    f"it took longer than load_timeout ({seconds:g} s)"
                ) from error
            if isinstance(error, Exception):
                raise NoProcessError(f"cannot load the code anew in a process: {error}") from error
            raise

    def _watch_over(self, host: HostProcess) -> None:
        """Releases the process when it has ended, however it ended."""
        host.exit.add_done_callback(lambda _: self.end(host))
