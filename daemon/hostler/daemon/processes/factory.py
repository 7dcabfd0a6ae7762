"""Makes and ends processes of locations: the keeper spawns them, or another process forks them."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from hostler.daemon.base.descriptors import DescriptorLimit
from hostler.daemon.base.settings import Settings
from hostler.daemon.base.text import load_json
from hostler.daemon.launching.launcher import Handle, Launcher, SpawnOrder
from hostler.daemon.processes import command
from hostler.daemon.processes.host_process import Handshake, HostProcess, Listener
from hostler.daemon.processes.runtime import Runtime
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import STACK_SIGNAL, Frame, Method, dump

#: A location process that is ready forks in about 3 ms. One that takes this long is stopped or
#: starved, and a spawn serves the caller better.
FORK_SECONDS = 1.0

#: Bytes that a process leaves in its environment for the mark of a fork: an instance, the name of a
#: location, a number.
MARK_ROOM = 400


class ForkError(Exception):
    """A process could not fork; a spawn may still work."""


class ProcessFactory:
    """Makes and ends processes of locations.

    Attributes:
        descriptors: how many the daemon may have open, and each interpreter that it starts.
    """

    def __init__(
        self,
        launcher: Launcher,
        instance: str,
        runtime: Runtime,
        settings: Settings,
        inherited: Mapping[str, str],
        descriptors: DescriptorLimit,
    ) -> None:
        self.launcher = launcher
        self.settings = settings
        self.descriptors = descriptors
        self._instance = instance
        self._runtime = runtime
        self._inherited = inherited
        self._loop = asyncio.get_running_loop()

    @property
    def own_code(self) -> str:
        """The folder of hostler's own code that processes of locations execute."""
        return str(self._runtime.path / "hostler")

    async def spawn(
        self,
        spec: LocationSpec,
        owner: str,
        listener: Listener,
        *,
        is_template: bool = False,
        options: tuple[str, ...] = (),
    ) -> HostProcess:
        """Starts the location's interpreter, which has not said hello yet.

        Args:
            is_template: whether it is the template of the environment, which has no limits.
            options: more options of the interpreter.

        Raises:
            SpawnError: the executable could not be started.
        """
        if not self._runtime.is_whole:
            await asyncio.to_thread(self._runtime.restore)
        runtime = self._runtime.path
        order = SpawnOrder(
            owner=owner,
            argv=command.argv(spec, runtime, options),
            env=command.variables(spec, runtime, self._inherited),
            cwd=command.working_directory(spec),
            memory=None if is_template else spec.limits.memory,
            nice=None if is_template else spec.limits.nice,
            room=MARK_ROOM,
            descriptors=self.descriptors.inherited,
        )
        handle = await self.launcher.start(order)
        return HostProcess(owner, handle, listener, self._loop)

    async def fork(self, parent: HostProcess, owner: str, listener: Listener) -> HostProcess:
        """Has a process fork, and returns the child, which has said hello.

        Raises:
            ForkError: the parent is gone, does not answer in time, or may not fork.
        """
        with parent.forking():
            return await self._fork(parent, owner, listener)

    async def _fork(self, parent: HostProcess, owner: str, listener: Listener) -> HostProcess:
        try:
            made = _channels()
        except OSError as error:
            raise ForkError(f"cannot fork process {parent.pid}: {error}") from error
        handshake = Handshake(self._loop, made.control)
        try:
            order = dump({"owner": f"{self._instance}:{owner}"})
            answer = asyncio.ensure_future(
                parent.channel.request(Method.FORK, order, fds=made.child_fds, timeout=FORK_SECONDS)
            )
            async with asyncio.timeout(FORK_SECONDS):
                await _wait_for_fork(handshake.hello, answer)
        except BaseException as error:
            handshake.close()
            os.close(made.stdout)
            os.close(made.stderr)
            if not isinstance(error, Exception):
                raise
            raise ForkError(f"cannot fork process {parent.pid}: {error or 'no answer'}") from error
        pid = int(handshake.hello.result()["pid"])
        exit_ = self.launcher.adopt(pid, owner)
        handle = Handle(pid, made.control, made.stdout, made.stderr, exit_)
        return HostProcess(owner, handle, listener, self._loop, handshake)

    def mark_of(self, host: HostProcess) -> str:
        """Returns the mark of a process; a process that changes its owner is told the new one."""
        return f"{self._instance}:{host.owner}"

    def reassign(self, host: HostProcess, owner: str, listener: Listener) -> None:
        """Assigns a process that was forked ahead to the owner that needs it."""
        host.assign_to(owner, listener)
        self.launcher.adopt(host.pid, owner)

    async def load(
        self,
        host: HostProcess,
        spec: LocationSpec,
        overlay: bytes | None,
        on_described: Callable[[bytes], None] | None = None,
    ) -> dict[str, Any]:
        """Has a process load its target.

        Args:
            overlay: sources that it loads in place of those on disk, packed by `wire.pack_files`.
            on_described: called with the description of the definitions, before the answer.

        Returns:
            The body of the answer; see hostler.host.loading.Load.report.

        Raises:
            RemoteError: the load failed.
            ChannelClosedError: the process went away.
        """
        if overlay is not None:
            await host.channel.request(Method.OVERLAY, overlay)
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
        if host.on_import is not None:
            order["announces"] = True
        if host.is_template_fork:
            order["process"] = {
                "owner": self.mark_of(host),
                "memory": spec.limits.memory,
                "nice": spec.limits.nice,
            }
        frame = await host.channel.request(Method.LOAD, dump(order), on_item=on_described)
        return cast("dict[str, Any]", load_json(frame.body))

    async def load_and_snapshot(
        self,
        host: HostProcess,
        spec: LocationSpec,
        overlay: bytes | None,
        on_described: Callable[[bytes], None],
    ) -> tuple[dict[str, Any], bytes]:
        """Does what `load` does; returns the sources as well, packed by `wire.pack_files`."""
        loading = asyncio.ensure_future(self.load(host, spec, overlay, on_described))
        if overlay is None:  # requested together, so that the answers come together
            await asyncio.sleep(0)
        else:
            await asyncio.wait([loading])
        snapshot = asyncio.ensure_future(host.channel.request(Method.SNAPSHOT))
        try:
            body = await loading
            return body, (await snapshot).body
        finally:
            for each in (loading, snapshot):
                each.cancel()
            await asyncio.gather(loading, snapshot, return_exceptions=True)
            del loading, snapshot, each  # their errors refer to this frame

    def ask_for_stack(self, host: HostProcess) -> bool:
        """Asks a process by a signal to write its stack to its stderr.

        Returns:
            Whether the process was asked: one that has not said hello cannot do it.
        """
        if host.has_said_hello:
            self.launcher.signal(host.pid, STACK_SIGNAL, group=False)
        return host.has_said_hello

    async def terminate(self, host: HostProcess) -> None:
        """Has a process end by itself, TERM it after half of the stop grace, then kill it.

        A process whose wire is closed does what the end of an interpreter does. Returns after its
        end, and after that of all that the keeper counts as the process's.
        """
        await host.forks_assigned()
        if not host.exit.done():
            host.channel.close("it was told to end")
            await asyncio.wait([host.exit], timeout=self.settings.stop_grace / 2)
        if not host.exit.done():
            self.launcher.signal(host.leader, signal.SIGTERM)
            await asyncio.wait([host.exit], timeout=self.settings.stop_grace / 2)
        await self.kill(host)

    async def kill(self, host: HostProcess) -> None:
        """Sends KILL to the process and all that the keeper counts to it; returns after its end."""
        await host.forks_assigned()
        await self.launcher.end(host.owner)
        await asyncio.wait([host.exit])
        host.release()


async def _wait_for_fork(
    hello: asyncio.Future[dict[str, Any]], answer: asyncio.Future[Frame]
) -> None:
    """Returns when a fork has said hello.

    The parent answers some milliseconds later, when the process between the two has ended.

    Raises:
        Exception: the parent's answer, if there is no fork.
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


class _Channels(NamedTuple):
    """Holds the daemon's ends of a fork's wire, stdout and stderr, and the fork's ends of them."""

    control: socket.socket
    stdout: int
    stderr: int
    child_fds: tuple[int, int, int]


def _channels() -> _Channels:
    """Makes the wire, stdout and stderr of a fork.

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
    child_fds = (their_wire, out_write, err_write)
    return _Channels(socket.socket(fileno=wire), out_read, err_read, child_fds)
