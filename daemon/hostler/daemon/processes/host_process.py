"""One process of a location: its wire, its output and its exit."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from hostler.daemon.launching.launcher import Handle
from hostler.daemon.logs.pipes import PipeReader
from hostler.daemon.processes.channel import Channel
from hostler.host.wire import Event

Role = Literal["location", "worker", "run"]
Stream = Literal["stdout", "stderr"]

#: How long after a process has closed its wire the keeper may report its death. A process that
#: closes its wire and lives on is of no use.
DEATH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listener:
    """Holds the callbacks that are told what a process says.

    Attributes:
        on_lines: called with the lines that it prints, as many at once as have come: the stream,
            the texts, the process's id.
        on_files_read: called with source files that it has read (path, digest), or has looked for
            in vain (path, None).
    """

    on_lines: Callable[[Stream, list[str], int], None]
    on_files_read: Callable[[list[tuple[str, str | None]]], None]


def _ignore(*_: object) -> None:
    pass


#: Listens to a process that has no owner any more.
SILENT = Listener(_ignore, _ignore)


class Handshake:
    """Holds the wire to a new process until the process has said hello.

    Attributes:
        hello: what the process says of itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, control: socket.socket) -> None:
        self.hello: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.channel = Channel(loop, control, self._on_event)
        self._on_other: Callable[[int, object], None] | None = None
        self._early: list[tuple[int, object]] = []

    def pass_on(self, on_event: Callable[[int, object], None]) -> None:
        """Passes on every event beside the hello, those that have come already as well."""
        self._on_other = on_event
        early, self._early = self._early, []
        for event, value in early:
            on_event(event, value)

    def close(self) -> None:
        """Closes the wire and passes nothing on any more."""
        self.channel.close("the process has ended")
        self._on_other = None
        if not self.hello.done():
            self.hello.cancel()

    def _on_event(self, event: int, value: object) -> None:
        if event == Event.HELLO:
            if not self.hello.done():
                self.hello.set_result(cast("dict[str, Any]", value))
        elif self._on_other is None:
            self._early.append((event, value))
        else:
            self._on_other(event, value)


class HostProcess:
    """Holds one process of a location: its wire, its output and its exit.

    Attributes:
        owner: the name to which the keeper counts the process and its descendants.
        leader: the pid of what the keeper started: the interpreter, or a wrapper around it.
        exit: its exit status, once the keeper has reported it.
        hello: what it has said of itself; done from the start if the process is a fork.
        is_fork: whether another process forked it, and no executable was started.
        is_template_fork: whether a template forked it, so that it knows nothing of its location.
        on_ending: called once when a run's steps have ended, with what its end waits for.
        on_import: called with each installed module that its load begins to import; None if the
            process does not have to report them.
    """

    def __init__(
        self,
        owner: str,
        handle: Handle,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        handshake: Handshake | None = None,
    ) -> None:
        """
        Args:
            handshake: of a process that has said hello; None if its wire is new.
        """
        self.owner = owner
        self.leader = handle.pid
        self.exit = handle.exit
        self.started = time.time()
        self.released = False
        self._pid = 0
        self._forking = 0
        self._no_fork = asyncio.Event()
        self._no_fork.set()
        self.is_fork = handshake is not None
        self.is_template_fork = False
        self.on_ending: Callable[[list[str]], None] | None = None
        self.on_import: Callable[[str], None] | None = None
        self._listener = listener
        self._handshake = handshake or Handshake(loop, handle.control)
        self.hello = self._handshake.hello
        self.channel = self._handshake.channel
        self._pipes = [
            PipeReader(loop, handle.stdout, self._lines_to("stdout")),
            PipeReader(loop, handle.stderr, self._lines_to("stderr")),
        ]
        self._handshake.pass_on(self._on_event)

    @property
    def pid(self) -> int:
        """The pid of the interpreter; of its wrapper until the interpreter has said hello."""
        if self._pid == 0 and self.has_said_hello:
            self._pid = int(self.hello.result()["pid"])
        return self._pid or self.leader

    @property
    def has_said_hello(self) -> bool:
        """Whether the process has said hello."""
        return self.hello.done() and not self.hello.cancelled()

    async def wait_for_hello(self) -> None:
        """Returns when the process has said hello, or has ended."""
        either: list[asyncio.Future[Any]] = [self.hello, self.exit]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)

    def assign_to(self, owner: str, listener: Listener) -> None:
        """Assigns the process to a new owner, whose listener is told from now on."""
        self.owner = owner
        self.started = time.time()
        self._listener = listener

    @contextlib.contextmanager
    def forking(self) -> Iterator[None]:
        """Marks the time in which a fork of the process has no owner yet.

        Until the fork has one, the keeper counts it to this process and would end it with it.
        """
        self._forking += 1
        self._no_fork.clear()
        try:
            yield
        finally:
            self._forking -= 1
            if not self._forking:
                self._no_fork.set()

    async def forks_assigned(self) -> None:
        """Returns when each fork of the process has an owner, or could not be made."""
        await self._no_fork.wait()

    def drain_output(self) -> None:
        """Reads all that the process has printed up to now, unfinished lines too."""
        for pipe in self._pipes:
            pipe.drain()

    def catch_up(self) -> None:
        """Reads the whole lines that the process has printed up to now."""
        for pipe in self._pipes:
            pipe.catch_up()

    def pause(self) -> None:
        """Stops reading from the process until `resume`; it waits once its pipes are full."""
        self.channel.pause()
        for pipe in self._pipes:
            pipe.pause()

    def resume(self) -> None:
        """Reads again after `pause`."""
        for pipe in self._pipes:
            pipe.resume()
        self.channel.resume()

    def release(self) -> None:
        """Closes what the daemon holds of a dead process."""
        if self.released:
            return
        self.released = True
        self.channel.drain()
        self.drain_output()
        for pipe in self._pipes:
            pipe.close()
        # the listeners refer to this process: a cycle would keep all that the process has loaded
        self._handshake.close()
        self._pipes.clear()
        self._listener = SILENT
        self.on_ending = self.on_import = None

    def _lines_to(self, stream: Stream) -> Callable[[list[str]], None]:
        return lambda texts: self._listener.on_lines(stream, texts, self.pid)

    def _on_event(self, event: int, value: object) -> None:
        if event == Event.TOUCHED:
            pairs = cast("list[tuple[str, str | None]]", value)
            self._listener.on_files_read([(path, digest) for path, digest in pairs])
        elif event == Event.ENDING and self.on_ending is not None:
            self.on_ending(cast("list[str]", value))
        elif event == Event.IMPORTING and self.on_import is not None:
            self.on_import(cast("dict[str, str]", value)["module"])
