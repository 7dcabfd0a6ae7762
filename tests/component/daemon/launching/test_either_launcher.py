"""What the daemon can count on: the real launcher and the fake one are told the same story."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from component.daemon.keeping import run, until

from hostler.daemon.base.descriptors import DescriptorLimit
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.launching.fake import FakeLauncher
from hostler.daemon.launching.fake_process import Code, Script
from hostler.daemon.launching.launcher import (
    ExitStatus,
    KeeperLauncher,
    Launcher,
    SpawnError,
    SpawnOrder,
)
from hostler.daemon.processes.channel import Channel, ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.processes.host_process import HostProcess, Listener
from hostler.daemon.processes.runtime import Runtime, source_root
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target
from hostler.host.wire import STACK_SIGNAL, Method, dump

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Play = Callable[[Callable[["Desk"], Awaitable[None]]], None]

GOOD = """\
from hostler.definitions import pipeline, repository
@pipeline
def daily():
    pass
@repository
def repo():
    return [daily]
"""
SLEEPS = "import time\nprint('begun', flush=True)\ntime.sleep(1000)\n"
#: Code whose process does not come to its end.
ENDLESS = "import atexit, time\natexit.register(time.sleep, 1000)\n"
BROKEN = Code(
    name="broken", failure={"kind": "IMPORT", "permanent": False, "message": "NameError: x"}
)
MISSING = "/missing/python"


@dataclass
class Desk:
    """One launcher, a factory that uses it, and what its processes have said."""

    launcher: Launcher
    spec: LocationSpec
    is_real: bool
    lines: list[str] = field(default_factory=list)
    files: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        runtime = Runtime(source_root(), -1)
        settings = Settings(stop_grace=1.0)
        self.factory = ProcessFactory(
            self.launcher, "test", runtime, settings, os.environ, DescriptorLimit(1024, 1024)
        )
        self.listener = Listener(lambda _, texts, __: self.lines.extend(texts), self.files.update)

    def write(self, text: str, code: Code, **script: Any) -> None:
        """Puts code on the disk: a text for real processes, what comes of it for fake ones."""
        if isinstance(self.launcher, FakeLauncher):
            self.launcher.disk = replace(code, files={self.spec.target.value: "1"})
            self.launcher.script = Script(**script)
        else:
            Path(self.spec.target.value).write_text(text)

    async def start(self, owner: str = "a") -> HostProcess:
        host = await self.factory.spawn(self.spec, owner, self.listener)
        await host.wait_for_hello()
        return host

    async def load(self, owner: str = "a") -> HostProcess:
        self.write(GOOD, Code())
        host = await self.start(owner)
        await self.factory.load(host, self.spec, None)
        return host


@pytest.fixture(params=["real", "fake"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Plays a scenario with one of the launchers."""
    target = Target("python_file", str(tmp_path / "project.py"), None, str(tmp_path))
    spec = LocationSpec("a", target, Position("/workspace.yaml", 1, 1))

    def start(scenario: Callable[[Desk], Awaitable[None]]) -> None:
        async def real() -> None:
            journal = Journal()
            keeper = KeeperLauncher("test-launcher", lambda: pytest.fail("it died"), journal)
            await keeper.open()
            try:
                await scenario(Desk(keeper, spec, is_real=True))
            finally:
                await keeper.close()
                journal.close()

        async def fake() -> None:
            launcher = FakeLauncher()
            launcher.refusals[MISSING] = ("exec", errno.ENOENT)
            try:
                await scenario(Desk(launcher, spec, is_real=False))
            finally:
                launcher.close()

        run(real() if request.param == "real" else fake())

    return start


def order_of(executable: str = sys.executable, *arguments: str) -> SpawnOrder:
    return SpawnOrder("a", (executable, *arguments), dict(os.environ), None)


def test_a_process_says_hello_loads_and_answers(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(GOOD, Code())
        host = await desk.start()
        hello = host.hello.result()
        assert hello.keys() == {"pid", "version", "implementation", "executable"}
        assert hello["pid"] == host.leader
        described: list[bytes] = []
        body, snapshot = await desk.factory.load_and_snapshot(
            host, desk.spec, None, described.append
        )
        assert body.keys() == {
            *("imports", "variables", "packages", "fresh", "seconds", "unsafe", "warnings"),
        }
        assert body["packages"].keys() == {"folders", "configuration"}
        assert b"locations/a/repositories/repo/pipelines/daily" in described[0]
        assert snapshot
        assert desk.files[desk.spec.target.value] is not None
        await host.channel.request(Method.PING)
        await desk.factory.kill(host)

    play(scenario)


def test_code_that_cannot_be_loaded_is_answered_with_the_reason(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.write("x\n", BROKEN)
        host = await desk.start()
        with pytest.raises(RemoteError) as caught:
            await desk.factory.load(host, desk.spec, None)
        assert {"kind", "permanent", "message"} <= caught.value.body.keys()
        await host.channel.request(Method.PING)
        await desk.factory.kill(host)

    play(scenario)


def test_another_process_loads_the_sources_of_a_snapshot(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.load()
        sources = (await first.channel.request(Method.SNAPSHOT)).body
        desk.write("x\n", BROKEN)
        second = await desk.start("b")
        await desk.factory.load(second, desk.spec, sources)
        await desk.factory.kill(first)
        await desk.factory.kill(second)

    play(scenario)


def test_a_fork_is_a_process_of_its_own(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        parent = await desk.load()
        fork = await desk.factory.fork(parent, "a/w1", desk.listener)
        assert fork.pid != parent.pid
        await desk.factory.kill(parent)
        await fork.channel.request(Method.PING)
        assert not fork.exit.done()
        desk.launcher.signal(fork.pid, signal.SIGSEGV)
        assert await fork.exit == ExitStatus(None, signal.SIGSEGV)
        await desk.factory.kill(fork)

    play(scenario)


def test_a_fork_that_ends_before_it_is_adopted(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        parent = await desk.load()
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        hello: asyncio.Future[Any] = loop.create_future()
        channel = Channel(loop, ours, lambda _, value: hello.set_result(value))
        descriptors = (theirs.detach(), os.open(os.devnull, 1), os.open(os.devnull, 1))
        await parent.channel.request(Method.FORK, dump({"owner": "test:x"}), fds=descriptors)
        pid = (await hello)["pid"]
        with pytest.raises(ChannelClosedError):
            await asyncio.gather(channel.request(Method.PING), _closed(channel))
        await parent.channel.request(Method.PING)
        assert await desk.launcher.adopt(pid, "x") == ExitStatus(0, None)
        assert await desk.launcher.adopt(pid, "x") == ExitStatus(None, None), "it is told once"
        await desk.factory.kill(parent)

    play(scenario)


async def _closed(channel: Channel) -> None:
    channel.close()


def test_a_process_ends_when_its_wire_is_closed(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        host = await desk.load()
        host.channel.close()
        assert await host.exit == ExitStatus(0, None)
        await desk.factory.kill(host)

    play(scenario)


def test_a_load_that_hangs_answers_nothing_else_until_it_is_killed(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(SLEEPS, Code(), hangs_in=frozenset({Method.LOAD}))
        host = await desk.start()
        load = asyncio.ensure_future(desk.factory.load(host, desk.spec, None))
        await asyncio.sleep(0)  # it is ordered
        with pytest.raises(TimeoutError):
            await host.channel.request(Method.PING, timeout=0.05)
        assert not load.done()
        await desk.factory.kill(host)
        assert host.exit.result() == ExitStatus(None, signal.SIGKILL)
        with pytest.raises(ChannelClosedError):
            await load

    play(scenario)


def test_a_process_says_where_it_is(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        stack = 'Thread 0x1 (most recent call first):\n  File "code.py", line 3 in <module>'
        desk.write(SLEEPS, Code(), hangs_in=frozenset({Method.LOAD}), stack=stack)
        host = await desk.start()
        load = asyncio.ensure_future(desk.factory.load(host, desk.spec, None))
        if desk.is_real:
            await until(lambda: "begun" in desk.lines)
        desk.launcher.signal(host.pid, STACK_SIGNAL, group=False)
        await until(lambda: any("line 3 in <module>" in line for line in desk.lines))
        assert not host.exit.done()
        await desk.factory.kill(host)
        await asyncio.gather(load, return_exceptions=True)

    play(scenario)


def test_a_process_that_is_told_to_end_ends_by_itself(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        host = await desk.load()
        await desk.factory.terminate(host)
        assert host.exit.result() == ExitStatus(0, None)
        desk.launcher.signal(host.leader, signal.SIGKILL)  # it has ended

    play(scenario)


def test_a_term_ends_a_process_that_does_not_end_by_itself(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(ENDLESS + GOOD, Code(), ignores_close=True)
        host = await desk.start()
        await desk.factory.load(host, desk.spec, None)
        await desk.factory.terminate(host)
        assert host.exit.result() == ExitStatus(None, signal.SIGTERM)

    play(scenario)


def test_what_ignores_a_term_is_killed(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        desk.write(ENDLESS + ignore + GOOD, Code(), ignores_close=True, ignores_term=True)
        host = await desk.start()
        await desk.factory.load(host, desk.spec, None)
        await desk.factory.terminate(host)
        assert host.exit.result() == ExitStatus(None, signal.SIGKILL)

    play(scenario)


def test_the_end_of_an_owner_takes_its_own_processes_alone(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        mine, other = await desk.load("a"), await desk.load("b")
        fork = await desk.factory.fork(mine, "c", desk.listener)
        desk.launcher.adopt(fork.pid, "a")
        await desk.launcher.end("a")
        assert mine.exit.done()
        assert fork.exit.done()
        assert not other.exit.done()
        await desk.launcher.end("nobody")
        for host in (mine, fork, other):
            await desk.factory.kill(host)

    play(scenario)


def test_what_cannot_be_started(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        for order, stage, number in [
            (order_of(MISSING), "exec", errno.ENOENT),
            (order_of(sys.executable, "\0"), "order", 0),
        ]:
            with pytest.raises(SpawnError) as caught:
                await desk.launcher.start(order)
            assert (caught.value.stage, caught.value.errno) == (stage, number)
            assert str(caught.value).startswith("cannot ")

    play(scenario)


def test_the_wire_and_the_pipes_do_not_block(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        handle = await desk.launcher.start(order_of(sys.executable, "-c", "input()"))
        assert handle.control.getblocking() is False
        assert not os.get_blocking(handle.stdout)
        assert not os.get_blocking(handle.stderr)
        await desk.launcher.end("a")
        await handle.exit
        handle.close()

    play(scenario)


def test_the_user_s_code_closes_the_wire(play: Play) -> None:
    async def scenario(desk: Desk) -> None:
        desk.write(
            "import os, time\nos.closerange(3, 65536)\ntime.sleep(1000)\n",
            Code(),
            hangs_in=frozenset({Method.LOAD}),
        )
        host = await desk.start()
        load = asyncio.ensure_future(desk.factory.load(host, desk.spec, None))
        if isinstance(desk.launcher, FakeLauncher):
            fake = desk.launcher.newest
            await until(lambda: fake.is_in(Method.LOAD))
            fake.close_wire()
        with pytest.raises(ChannelClosedError):
            await load
        assert not host.exit.done()
        await desk.factory.kill(host)
        assert host.exit.result() == ExitStatus(None, signal.SIGKILL)

    play(scenario)
