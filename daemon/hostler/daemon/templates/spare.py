"""The spare: a process that is forked from a template ahead of the next need."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import psutil

from hostler.daemon.base.tasks import Tasks
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import FORK_SECONDS, ForkError, ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.host.wire import Method, WireError, dump

#: Files in one order to compile: some 20 ms, in which no fork is waited for too long.
COMPILED_AT_ONCE = 20

#: To fork a spare, where each before it has failed.
MOST_ATTEMPTS = 3

#: Below this no spare is kept: a process that waits is the first thing to do without.
SCARCE_MEMORY = 0.05


class Spares:
    """Keeps one spare of a template, and has the template compile what the next load executes."""

    def __init__(
        self,
        next_owner: Callable[[], str],
        factory: ProcessFactory,
        tasks: Tasks,
        listener: Listener,
        is_busy: Callable[[], bool],
    ) -> None:
        """
        Args:
            next_owner: an owner for each spare.
            is_busy: whether others load now, so that what can wait should.
        """
        self._next_owner = next_owner
        self._factory = factory
        self._tasks = tasks
        self._listener = listener
        self._is_busy = is_busy
        self._template: HostProcess | None = None
        self._spare: HostProcess | None = None
        self._is_rehearsed = False
        self._rehearsed: dict[str, Any] = {"bytes": 0, "sources": []}
        self._sources: set[str] = set()
        #: Not from when one is taken for a load until that has ended.
        self._is_wanted = False
        self._preparing: asyncio.Task[None] | None = None
        self._attempts = 0
        #: Of spares that nobody took, one after the other.
        self._deaths = 0

    @property
    def pid(self) -> int:
        """The process that waits; 0 where there is none."""
        return self._spare.pid if self._spare else 0

    def fork_from(self, template: HostProcess | None) -> None:
        """Goes on with another process of the template's, or with none; ends the spare."""
        self._template = template
        spare, self._spare = self._spare, None
        if spare is not None:
            self._kill(spare)
        self.prepare(())

    def template_died(self) -> None:
        """Forks no more; the spare outlives what it was forked from."""
        self._template = None

    def forget_sources(self) -> None:
        """What was to be compiled is that of another environment by now."""
        self._sources.clear()

    def stop(self) -> None:
        """Gives up what is under way."""
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None

    def take(self) -> HostProcess | None:
        """The spare, which is the caller's from now on; None where there is none."""
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
        """Has files compiled ahead and a spare forked, in the background.

        Args:
            sources: those of the location that has loaded last.
            size: bytes of them in all.
        """
        self._is_wanted = True
        if sources:  # a developer saves in one location many times
            self._rehearsed = {"bytes": size, "sources": list(sources)}
        self.compile_ahead(sources)

    def compile_ahead(self, sources: Collection[str]) -> None:
        """Has files compiled, in the background, of which a load that is to come reads some."""
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
            # it may only be short of time; whoever needs a process has it made anew otherwise
            if self._attempts < MOST_ATTEMPTS:
                self._attempts += 1
                asyncio.get_running_loop().call_later(FORK_SECONDS, self.prepare, ())
        else:
            self._attempts = 0
            self._have_rehearsed()
        finally:
            if self._preparing is asyncio.current_task():
                self._preparing = None

    def _has_sources(self) -> bool:
        """Whether there is something to compile, and nobody waits for a fork."""
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
        """Has it touch the memory that a load needs; whoever takes it meanwhile ends that."""
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
                asyncio.get_running_loop().call_later(FORK_SECONDS, self.prepare, ())

    def _kill(self, spare: HostProcess) -> None:
        self._tasks.start(self._factory.kill(spare), "end of a spare")


def memory_is_scarce() -> bool:
    """Whether the machine is too short of memory for processes that wait."""
    memory = psutil.virtual_memory()
    return bool(memory.available <= SCARCE_MEMORY * memory.total)
