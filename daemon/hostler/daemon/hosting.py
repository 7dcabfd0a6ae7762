"""Processes of locations: spawned by the keeper, or forked from one that has loaded."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from hostler.daemon import environment
from hostler.daemon.channel import Channel, ChannelClosedError
from hostler.daemon.launcher import ExitStatus, Handle, Keeper, SpawnOrder
from hostler.daemon.logs import PipeReader
from hostler.daemon.runtime import Runtime
from hostler.daemon.settings import Settings
from hostler.daemon.text import load_json
from hostler.daemon.workspace import LocationSpec
from hostler.host.wire import Event, Frame, Method, dump

Role = Literal["location", "worker", "run"]
Stream = Literal["stdout", "stderr"]

#: A location process that is ready only forks, in about 3 ms. One that takes this long is stopped
#: or starved, and the caller is better served by a spawn.
FORK_SECONDS = 1.0

#: Between a process's closing of its wire and the keeper's report of its death. A process whose
#: wire is closed and that lives on is of no use.
DEATH_SECONDS = 1.0

#: Bytes for the mark of a fork: an instance, the name of a location, a number.
MARK_ROOM = 400


class ForkError(Exception):
    """The location process could not fork; a spawn may still work."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what a process says.

    Attributes:
        line: a line that it printed: the stream, the text, the process's id.
        touched: source files that it read (path, digest) or looked for in vain (path, None).
    """

    line: Callable[[Stream, str, int], None]
    touched: Callable[[list[tuple[str, str | None]]], None]


def _ignore(*_: object) -> None:
    pass


#: Of a process that is nobody's any more.
SILENT = Listener(_ignore, _ignore)


class Hosted:
    """One process of a location: its wire, its output, its exit.

    Attributes:
        pid: of the interpreter; of a wrapper script until it has greeted.
        hello: what it said of itself, once it has greeted.
        of_template: whether it was forked from a template, and so knows nothing of its location.
        on_import: told of each installed module that its load begins to import; None where nobody
            wants to know.
    """

    def __init__(
        self,
        owner: str,
        handle: Handle,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.owner = owner
        self.pid = handle.pid
        self.exit = handle.exit
        self.started = time.time()
        self.hello: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.released = False
        self._forking = 0
        self._no_fork = asyncio.Event()
        self._no_fork.set()
        self.of_template = False
        self.on_import: Callable[[str], None] | None = None
        self._leader = handle.pid
        self._listener = listener
        self.channel = Channel(loop, handle.control, self._on_event)
        self._pipes = [
            PipeReader(loop, handle.stdout, self._line_to("stdout")),
            PipeReader(loop, handle.stderr, self._line_to("stderr")),
        ]

    @property
    def leader(self) -> int:
        """The process that the keeper started: the interpreter, or a wrapper around it."""
        return self._leader

    @property
    def has_greeted(self) -> bool:
        return self.hello.done() and not self.hello.cancelled()

    async def greeted(self) -> None:
        """Returns when it has said hello, or has ended."""
        either: list[asyncio.Future[Any]] = [self.hello, self.exit]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)

    def serve(self, owner: str, listener: Listener) -> None:
        """It is another's from now on."""
        self.owner = owner
        self.started = time.time()
        self._listener = listener

    @contextlib.contextmanager
    def forking(self) -> Iterator[None]:
        """While a fork of it is nobody's yet: until then it counts as this one's own."""
        self._forking += 1
        self._no_fork.clear()
        try:
            yield
        finally:
            self._forking -= 1
            if not self._forking:
                self._no_fork.set()

    async def forked(self) -> None:
        """Returns when each of its forks is somebody's, or has had its time."""
        await self._no_fork.wait()

    def drain_output(self) -> None:
        """Takes what it has printed up to now."""
        for pipe in self._pipes:
            pipe.drain()

    def catch_up(self) -> None:
        """Takes the lines that it has printed up to now."""
        for pipe in self._pipes:
            pipe.catch_up()

    def hold(self) -> None:
        """Reads nothing that it says or prints until `go_on`; it waits once its pipes are full."""
        self.channel.pause()
        for pipe in self._pipes:
            pipe.hold()

    def go_on(self) -> None:
        """Reads again after `hold`."""
        for pipe in self._pipes:
            pipe.go_on()
        self.channel.resume()

    def release(self) -> None:
        """Gives up what the daemon holds of the process, after its death."""
        if self.released:
            return
        self.released = True
        self.channel.drain()
        self.drain_output()
        for pipe in self._pipes:
            pipe.close()
        self.channel.close("the process has ended")
        # whom they tell has this process: no cycle stays, which would keep all that it loaded
        self._pipes.clear()
        self._listener = SILENT
        if not self.hello.done():
            self.hello.cancel()

    def _line_to(self, stream: Stream) -> Callable[[str], None]:
        return lambda text: self._listener.line(stream, text, self.pid)

    def _on_event(self, event: int, value: object) -> None:
        if event == Event.HELLO:
            hello = cast("dict[str, Any]", value)
            self.pid = int(hello["pid"])
            if not self.hello.done():
                self.hello.set_result(hello)
        elif event == Event.TOUCHED:
            pairs = cast("list[tuple[str, str | None]]", value)
            self._listener.touched([(path, digest) for path, digest in pairs])
        elif event == Event.IMPORTING and self.on_import is not None:
            self.on_import(cast("dict[str, str]", value)["module"])


class Hosting:
    """Makes and ends processes of locations."""

    def __init__(
        self,
        keeper: Keeper,
        instance: str,
        runtime: Runtime,
        settings: Settings,
        inherited: Mapping[str, str],
    ) -> None:
        self.keeper = keeper
        self.settings = settings
        self._instance = instance
        self._runtime = runtime
        self._inherited = inherited
        self._loop = asyncio.get_running_loop()

    async def spawn(
        self, spec: LocationSpec, owner: str, listener: Listener, *, is_template: bool = False
    ) -> Hosted:
        """Starts the location's interpreter; it has not greeted yet.

        Args:
            is_template: it is for all locations of its environment, and has no limits.

        Raises:
            SpawnError: the executable could not be started.
        """
        if not self._runtime.is_whole:
            await asyncio.to_thread(self._runtime.restore)
        runtime = self._runtime.path
        order = SpawnOrder(
            owner=owner,
            argv=environment.command(spec, runtime),
            env=environment.variables(spec, runtime, self._inherited),
            cwd="/",
            memory=None if is_template else spec.limits.memory,
            nice=None if is_template else spec.limits.nice,
            room=MARK_ROOM,
        )
        handle = await self.keeper.start(order)
        return Hosted(owner, handle, listener, self._loop)

    async def fork(self, parent: Hosted, owner: str, listener: Listener) -> Hosted:
        """Forks a process that has loaded; the child has greeted.

        Raises:
            ForkError: the parent is gone, does not answer in time, or may not fork.
        """
        with parent.forking():
            return await self._fork(parent, owner, listener)

    async def _fork(self, parent: Hosted, owner: str, listener: Listener) -> Hosted:
        try:
            ours, out_read, err_read, fds = _channels()
        except OSError as error:
            raise ForkError(f"cannot fork process {parent.pid}: {error}") from error
        exit_: asyncio.Future[ExitStatus] = self._loop.create_future()
        child = Hosted(owner, Handle(0, ours, out_read, err_read, exit_), listener, self._loop)
        try:
            order = dump({"owner": f"{self._instance}:{owner}"})
            answer = asyncio.ensure_future(
                parent.channel.request(Method.FORK, order, fds=fds, timeout=FORK_SECONDS)
            )
            async with asyncio.timeout(FORK_SECONDS):
                await _either(child.hello, answer)
        except (ChannelClosedError, TimeoutError, asyncio.CancelledError) as error:
            child.release()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ForkError(f"cannot fork process {parent.pid}: {error or 'no answer'}") from error
        except Exception as error:
            child.release()
            raise ForkError(f"cannot fork process {parent.pid}: {error}") from error
        child.exit = self.keeper.adopt(child.pid, owner)
        child._leader = child.pid
        return child

    def mark(self, hosted: Hosted) -> str:
        """What a process is marked with; one that is handed over has to be told."""
        return f"{self._instance}:{hosted.owner}"

    def hand_over(self, hosted: Hosted, owner: str, listener: Listener) -> None:
        """Gives a process that was forked ahead to whom it is for."""
        hosted.serve(owner, listener)
        self.keeper.adopt(hosted.pid, owner)

    async def load(
        self,
        hosted: Hosted,
        spec: LocationSpec,
        overlay: bytes | None,
        on_described: Callable[[bytes], None] | None = None,
    ) -> dict[str, Any]:
        """Has a spawned process load its target.

        Args:
            overlay: sources that stand in for what is on disk, as `wire.pack_files` packs them.
            on_described: told what the target holds, before the answer.

        Returns:
            The body of the answer; see hostler.host.loading.Load.report.

        Raises:
            RemoteError: the load failed.
            ChannelClosedError: the process went away.
        """
        if overlay is not None:
            await hosted.channel.request(Method.OVERLAY, overlay)
        target = spec.target
        order: dict[str, object] = {
            "location": spec.name,
            "target": {
                "kind": target.kind,
                "value": target.value,
                "attribute": target.attribute,
                "working_directory": target.working_directory,
            },
        }
        if hosted.on_import is not None:
            order["announces"] = True
        if hosted.of_template:
            order["process"] = {
                "owner": self.mark(hosted),
                "memory": spec.limits.memory,
                "nice": spec.limits.nice,
            }
        frame = await hosted.channel.request(Method.LOAD, dump(order), on_item=on_described)
        return cast("dict[str, Any]", load_json(frame.body))

    async def load_and_snapshot(
        self,
        hosted: Hosted,
        spec: LocationSpec,
        overlay: bytes | None,
        on_described: Callable[[bytes], None],
    ) -> tuple[dict[str, Any], bytes]:
        """As `load`, and the sources that were loaded, as `wire.pack_files` packs them."""
        loading = asyncio.ensure_future(self.load(hosted, spec, overlay, on_described))
        if overlay is None:  # asked for together: the answers come together
            await asyncio.sleep(0)
        else:
            await asyncio.wait([loading])
        snapshot = asyncio.ensure_future(hosted.channel.request(Method.SNAPSHOT))
        try:
            body = await loading
            return body, (await snapshot).body
        finally:
            for each in (loading, snapshot):
                each.cancel()
            await asyncio.gather(loading, snapshot, return_exceptions=True)
            del loading, snapshot, each  # their errors hold this frame

    async def terminate(self, hosted: Hosted) -> None:
        """TERM, the stop grace, then KILL to all that is the process's; returns after its end."""
        await hosted.forked()
        if not hosted.exit.done():
            self.keeper.signal(hosted.leader, signal.SIGTERM)
            await asyncio.wait([hosted.exit], timeout=self.settings.stop_grace)
        await self.kill(hosted)

    async def kill(self, hosted: Hosted) -> None:
        """KILL to all that the keeper counts as the process's; returns after its end."""
        await hosted.forked()
        await self.keeper.end(hosted.owner)
        await asyncio.wait([hosted.exit])
        hosted.release()


async def _either(hello: asyncio.Future[dict[str, Any]], answer: asyncio.Future[Frame]) -> None:
    """Returns when a fork has greeted.

    Its parent answers when the process between them has ended, some milliseconds later.

    Raises:
        Exception: whatever the answer is that there is no fork.
    """
    try:
        both: list[asyncio.Future[Any]] = [hello, answer]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not hello.done():
            await answer
            await hello
    finally:
        if hello.done() and not hello.cancelled():
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        else:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)


def _channels() -> tuple[socket.socket, int, int, tuple[int, int, int]]:
    """The daemon's ends of the wire, stdout and stderr of a fork, and the fork's ends of them.

    Raises:
        OSError: no descriptor is left.
    """
    made: list[int] = []
    try:
        ours, theirs = socket.socketpair()
        made += [ours.detach(), theirs.detach()]
        for _ in ("stdout", "stderr"):
            made += os.pipe2(os.O_CLOEXEC)
    except OSError:
        for descriptor in made:
            os.close(descriptor)
        raise
    wire, their_wire, out_read, out_write, err_read, err_write = made
    for descriptor in (out_read, err_read):
        os.set_blocking(descriptor, False)
    return socket.socket(fileno=wire), out_read, err_read, (their_wire, out_write, err_write)
