"""Workers and runs of one location: forks where that is safe, else spawns."""

import asyncio

from hostler.daemon import environment
from hostler.daemon.channel import RemoteError
from hostler.daemon.generation import Generation
from hostler.daemon.hosting import ForkError, Hosted, Listener, Role
from hostler.daemon.location_process import Surroundings
from hostler.daemon.logs import LocationLog


class NoProcessError(Exception):
    """No process for a worker or a run could be had."""


class Offspring:
    """Makes processes that have loaded a generation, and sees to their end."""

    def __init__(self, around: Surroundings, log: LocationLog) -> None:
        self._around = around
        self._log = log

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
                hosted = await self._around.hosting.fork(parent, owner, listener)
            except ForkError as error:
                now = self._around.clock.time()
                self._log.write(now, "daemon", f"{error}; it is spawned", role=role)
            else:
                self._watch_over(hosted)
                return hosted
        return await self._load_anew(of, owner, listener, fresh)

    def end(self, hosted: Hosted) -> asyncio.Task[None]:
        """Ends a process, and what it has started, in the background."""
        work = self._around.hosting.kill(hosted)
        return self._around.tasks.start(work, f"end of {hosted.owner}")

    async def _load_anew(
        self, of: Generation, owner: str, listener: Listener, fresh: str
    ) -> Hosted:
        hosting = self._around.hosting
        try:
            hosted, _ = await self._around.environments.start(of.spec, owner, listener, fresh)
        except Exception as error:
            executable = environment.executable(of.spec)
            raise NoProcessError(f"cannot start {executable}: {error}") from error
        self._watch_over(hosted)
        try:
            async with asyncio.timeout(of.spec.load_timeout or None):
                await hosted.greeted()
                await hosting.load(hosted, of.spec, of.sources)
        except BaseException as error:
            self.end(hosted)
            if isinstance(error, RemoteError):
                raise  # the user's code says why
            if isinstance(error, TimeoutError):
                raise NoProcessError(
                    "cannot load the code anew in a process: "
                    f"it took longer than load_timeout ({of.spec.load_timeout:g} s)"
                ) from error
            if isinstance(error, Exception):
                raise NoProcessError(f"cannot load the code anew in a process: {error}") from error
            raise
        return hosted

    def _watch_over(self, hosted: Hosted) -> None:
        """Releases the process when it has ended, however it ended."""
        hosted.exit.add_done_callback(lambda _: self.end(hosted))
