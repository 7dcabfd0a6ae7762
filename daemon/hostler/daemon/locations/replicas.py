"""Workers and runs of one location: forks where that is safe, else spawns."""

import asyncio
from collections.abc import Callable
from typing import Any

from hostler.daemon.generations.generation import Generation
from hostler.daemon.loading.context import Surroundings
from hostler.daemon.loading.fork_policy import Report
from hostler.daemon.locations.standby import Standby
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.processes import command
from hostler.daemon.processes.channel import RemoteError
from hostler.daemon.processes.factory import ForkError
from hostler.daemon.processes.host_process import Hosted, Listener, Role
from hostler.daemon.templates.environments import Origin


class NoProcessError(Exception):
    """No process for a worker or a run could be had."""


class Offspring:
    """Makes processes that have loaded a generation, and sees to their end."""

    def __init__(
        self,
        around: Surroundings,
        log: LocationLog,
        on_unfit: Callable[[Report], None],
        standby: Standby,
    ) -> None:
        """
        Args:
            on_unfit: told where a fork of the template has loaded what is not for forks.
            standby: what waits for the next run.
        """
        self._around = around
        self._on_unfit = on_unfit
        self._log = log
        self._standby = standby

    async def obtain(
        self,
        of: Generation,
        parent: Hosted | None,
        role: Role,
        owner: str,
        listener: Listener,
        fresh: str,
    ) -> Hosted:
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
                hosted = await self._fork(parent, role, owner, listener)
            except ForkError as error:
                now = self._around.clock.time()
                self._log.write(now, "daemon", f"{error}; it is spawned", role=role)
            else:
                self._watch_over(hosted)
                return hosted
        return await self._load_anew(of, owner, listener, fresh)

    async def _fork(self, parent: Hosted, role: Role, owner: str, listener: Listener) -> Hosted:
        if role != "run":
            return await self._around.hosting.fork(parent, owner, listener)
        waiting = await self._standby.take(parent)
        if waiting is not None:
            self._around.hosting.hand_over(waiting, owner, listener)
        made = waiting or await self._around.hosting.fork(parent, owner, listener)
        self._standby.prepare()
        return made

    def end(self, hosted: Hosted) -> asyncio.Task[None]:
        """Ends a process, and what it has started, in the background."""
        work = self._around.hosting.kill(hosted)
        return self._around.tasks.start(work, f"end of {hosted.owner}")

    async def _load_anew(
        self, of: Generation, owner: str, listener: Listener, fresh: str
    ) -> Hosted:
        hosted, origin = await self._start(of, owner, listener, fresh)
        if not origin.is_fork:
            await self._load(hosted, of, of.spec.load_timeout)
            return hosted
        try:
            patience = self._around.environments.fork_patience(of.spec)
            body = await self._load(hosted, of, patience)
            report = Report.of(body)
            reason = report.unfit_after_fork()
            if not reason:
                return hosted
            self._on_unfit(report)
            self.end(hosted)
        except (NoProcessError, RemoteError) as error:
            reason = f"a fork failed: {error}"  # a new interpreter says whether it is to blame
        # another owner: what is the fork's is still being ended
        hosted, _ = await self._start(of, f"{owner}/2", listener, reason)
        await self._load(hosted, of, of.spec.load_timeout)
        return hosted

    async def _start(
        self, of: Generation, owner: str, listener: Listener, fresh: str
    ) -> tuple[Hosted, Origin]:
        try:
            hosted, origin = await self._around.environments.start(of.spec, owner, listener, fresh)
        except Exception as error:
            executable = command.executable(of.spec)
            raise NoProcessError(f"cannot start {executable}: {error}") from error
        self._watch_over(hosted)
        return hosted, origin

    async def _load(self, hosted: Hosted, of: Generation, seconds: float) -> dict[str, Any]:
        """Has a process load the sources of a generation; it is ended where it cannot.

        Args:
            seconds: that it may take; 0 for any time.
        """
        try:
            async with asyncio.timeout(seconds or None):
                await hosted.greeted()
                return await self._around.hosting.load(hosted, of.spec, of.sources())
        except BaseException as error:
            self.end(hosted)
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

    def _watch_over(self, hosted: Hosted) -> None:
        """Releases the process when it has ended, however it ended."""
        hosted.exit.add_done_callback(lambda _: self.end(hosted))
