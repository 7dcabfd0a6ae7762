"""The spare: a process that the template has forked ahead of the next load."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from hostler.daemon.base.clock import Clock
from hostler.daemon.base.memory import memory_is_scarce
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import FORK_SECONDS, ForkError, ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.host.wire import Method, WireError, dump

#: Files in one order to compile: it takes some 20 ms, in which the template cannot fork.
COMPILED_AT_ONCE = 20

#: How many forks of a spare may fail, one after the other.
MOST_ATTEMPTS = 3


class Spares:
    """Keeps one spare of a template, and has the template compile files for the next load."""

    def __init__(
        self,
        next_owner: Callable[[], str],
        factory: ProcessFactory,
        tasks: Tasks,
        clock: Clock,
        listener: Listener,
        is_busy: Callable[[], bool],
    ) -> None:
        """
        Args:
            next_owner: returns an owner for each spare.
            is_busy: returns whether processes load now, so that all but forks should wait.
        """
        self._next_owner = next_owner
        self._factory = factory
        self._tasks = tasks
        self._clock = clock
        self._listener = listener
        self._is_busy = is_busy
        self._template: HostProcess | None = None
        self._spare: HostProcess | None = None
        self._is_rehearsed = False
        self._rehearsed: dict[str, Any] = {"bytes": 0, "sources": []}
        self._sources: set[str] = set()
        #: False from when the spare is taken for a load until the load has ended.
        self._is_wanted = False
        self._preparing: asyncio.Task[None] | None = None
        self._attempts = 0
        #: How many spares have died, one after the other, before they were taken.
        self._deaths = 0

    @property
    def pid(self) -> int:
        """The pid of the spare; 0 if there is none."""
        return self._spare.pid if self._spare else 0

    def fork_from(self, template: HostProcess | None) -> None:
        """Ends the spare, and forks further ones from another process; from none for None."""
        self._template = template
        spare, self._spare = self._spare, None
        if spare is not None:
            self._kill(spare)
        self.prepare(())

    def template_died(self) -> None:
        """Forks no more; the spare outlives the template that forked it."""
        self._template = None

    def forget_sources(self) -> None:
        """Forgets the files to compile, since the environment has changed."""
        self._sources.clear()

    def stop(self) -> None:
        """Gives up the preparation that is under way."""
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None

    def take(self) -> HostProcess | None:
        """Returns the spare, which the caller has to assign to an owner; None if there is none."""
        self._is_wanted = False
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        if spare.channel.closed:
            self._kill(spare)
            return None
        self._deaths = 0
        return spare

    def prepare(self, sources: Collection[str], size: int = 0) -> None:
        """Has the template compile files and fork a spare, in the background.

        Args:
            sources: the source files of the location that has loaded last.
            size: how many bytes they have in all.
        """
        self._is_wanted = True
        if sources:  # the next load is probably of the same location
            self._rehearsed = {"bytes": size, "sources": list(sources)}
        self.compile_ahead(sources)

    def compile_ahead(self, sources: Collection[str]) -> None:
        """Has the template compile, in the background, files that a next load may read."""
        self._sources.update(sources)
        if self._preparing is None and self._template is not None:
            self._preparing = self._tasks.start(self._prepare(), "preparation of a spare")

    async def _prepare(self) -> None:
        try:
            while self._template is not None and (self._has_sources() or self._lacks_spare()):
                await self._compile(self._template)
                if self._lacks_spare():
                    await self._fork(self._template)
        except (ForkError, ChannelClosedError, RemoteError, WireError):
            # the template may only be short of time; if it is dead, whoever needs a fork notices
            if self._attempts < MOST_ATTEMPTS:
                self._attempts += 1
                self._clock.call_later(FORK_SECONDS, self.prepare, ())
        else:
            self._attempts = 0
            self._have_rehearsed()
        finally:
            if self._preparing is asyncio.current_task():
                self._preparing = None

    def _has_sources(self) -> bool:
        """Returns whether there is something to compile, and no load may need a fork."""
        return bool(self._sources) and not self._is_busy()

    async def _compile(self, template: HostProcess) -> None:
        if not self._has_sources():
            return
        sources = sorted(self._sources)
        self._sources.clear()
        for first in range(0, len(sources), COMPILED_AT_ONCE):
            part = sources[first : first + COMPILED_AT_ONCE]
            await template.channel.request(Method.COMPILE, dump(part))

    async def _fork(self, template: HostProcess | None) -> None:
        if template is None:
            return
        spare = await self._factory.fork(template, self._next_owner(), self._listener)
        spare.exit.add_done_callback(partial(self._on_death, spare))
        if self._template is template and self._spare is None:
            self._spare, self._is_rehearsed = spare, False
        else:
            self._kill(spare)

    def _lacks_spare(self) -> bool:
        has_spare = self._spare is not None and not self._spare.channel.closed
        return self._is_wanted and not has_spare and not memory_is_scarce()

    def _have_rehearsed(self) -> None:
        spare = self._spare
        may_rehearse = not self._is_rehearsed and self._deaths < MOST_ATTEMPTS
        if spare is not None and may_rehearse and not self._is_busy():
            self._is_rehearsed = True
            self._tasks.start(self._rehearse(spare), f"rehearsal of {spare.owner}")

    async def _rehearse(self, spare: HostProcess) -> None:
        """Has the spare touch the memory that a load needs; stops as soon as a load takes it."""
        with contextlib.suppress(ChannelClosedError, RemoteError, WireError):
            await spare.channel.request(Method.REHEARSE, dump(self._rehearsed))

    def _on_death(self, spare: HostProcess, _: object) -> None:
        if self._spare is spare:
            self._spare = None
            self._kill(spare)
            self._deaths += 1
            if self._deaths < MOST_ATTEMPTS:
                self.prepare(())
            else:
                self._clock.call_later(FORK_SECONDS, self.prepare, ())

    def _kill(self, spare: HostProcess) -> None:
        self._tasks.start(self._factory.kill(spare), "end of a spare")
