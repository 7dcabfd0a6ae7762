"""The processes that the keeper adopts and ends, with a real keeper."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from component.daemon.keeping import (
    ENV,
    PYTHON,
    SLEEP,
    children,
    fork,
    is_alive,
    line,
    opened,
    python,
    run,
    shell,
    text,
    until,
)

from hostler.daemon.launching.launcher import ExitStatus, SpawnError, SpawnOrder

if TYPE_CHECKING:
    pass


def test_an_adopted_process_is_known_by_its_own_exit() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            parent, pid = await fork(keeper, "time.sleep(1000)")
            ended = keeper.adopt(pid, "b")
            os.kill(parent.pid, signal.SIGKILL)
            assert (await parent.exit).signal == signal.SIGKILL
            assert not ended.done()
            keeper.signal(pid, signal.SIGUSR1)
            assert await ended == ExitStatus(None, signal.SIGUSR1)

    run(scenario())


def test_a_process_that_ended_before_it_was_adopted_is_known() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            _, pid = await fork(keeper, "os._exit(7)")
            await until(lambda: not Path(f"/proc/{pid}").exists())
            assert await keeper.adopt(pid, "b") == ExitStatus(7, None)

    run(scenario())


def test_a_process_that_never_was_the_keepers_is_not_adopted() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            ended = await keeper.adopt(os.getpid(), "b")
            assert ended == ExitStatus(None, None)
            assert ended.describe() == "ended unseen"
            keeper.signal(os.getpid(), signal.SIGKILL)
            await keeper.end("b")

    run(scenario())


def test_a_signal_goes_to_the_group_or_to_the_process() -> None:
    code = """
import os, signal
def tell(name):
    signal.signal(signal.SIGTERM, lambda *_: os.write(1, name))
tell(b"parent\\n")
if os.fork() == 0:
    tell(b"child\\n")
    os.write(1, b"up\\n")
while True:
    signal.pause()
"""

    async def scenario() -> None:
        async with opened() as keeper:
            handle = await keeper.start(python(code))
            assert await line(handle.stdout) == "up"
            keeper.signal(handle.pid, signal.SIGTERM, group=False)
            assert await line(handle.stdout) == "parent"
            keeper.signal(handle.pid, signal.SIGTERM)
            said = await line(handle.stdout)
            if "\n" not in said:
                said += " " + await line(handle.stdout)
            assert sorted(said.split()) == ["child", "parent"]
            keeper.signal(handle.pid, signal.SIGKILL)
            assert (await handle.exit).signal == signal.SIGKILL
            assert await text(handle.stdout) == ""

    run(scenario())


def test_end_kills_an_owners_processes_and_no_others() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            # Owner a has one that resists, one that was orphaned, one with neither mark nor parent.
            stubborn = await keeper.start(
                shell("trap '' TERM INT HUP; echo $$; while :; do :; done")
            )
            await line(stubborn.stdout)
            stopped = await keeper.start(SpawnOrder("a", SLEEP, ENV, None))
            os.kill(stopped.pid, signal.SIGSTOP)
            parent, orphan = await fork(keeper, "time.sleep(1000)")
            scrubbing = await keeper.start(shell("env -i sleep 1000 & echo $!; exit"))
            scrubbed = int(await line(scrubbing.stdout))
            await scrubbing.exit
            # Owner b has its own, and a registered fork, with a child, of a process of a's.
            other = await keeper.start(SpawnOrder("b", SLEEP, ENV, None))
            work = "import subprocess; subprocess.Popen(['/bin/sleep', '1000']); time.sleep(1000)"
            second, run_pid = await fork(keeper, work)
            run_exit = keeper.adopt(run_pid, "b")
            direct = await keeper.start(shell("sleep 1000 & echo $!; wait"))
            child_pid = int(await line(direct.stdout))
            child_exit = keeper.adopt(child_pid, "b")
            await until(lambda: bool(children(run_pid)))
            (run_child,) = children(run_pid)

            await keeper.end("a")
            for handle in (stubborn, stopped, parent, second, direct):
                assert handle.exit.done()
                assert handle.exit.result().signal == signal.SIGKILL
            assert not any(is_alive(pid) for pid in (orphan, scrubbed))
            assert all(is_alive(pid) for pid in (other.pid, run_pid, run_child, child_pid))
            assert not other.exit.done()
            assert not run_exit.done()

            await keeper.end("b")
            assert other.exit.done()
            assert run_exit.done()
            assert child_exit.done()
            assert not any(is_alive(pid) for pid in (other.pid, run_pid, run_child))
            assert children(keeper.pid or 0) == {}

    run(scenario())


def test_several_owners_end_at_once() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            owners = [f"locations/{number}" for number in range(5)]
            tree = "sleep 1000 & (sleep 1000 & wait) & echo up; wait"
            handles = [await keeper.start(shell(tree, owner)) for owner in owners]
            for handle in handles:
                await line(handle.stdout)
            bystander = await keeper.start(shell("exec sleep 1000", "locations/10"))
            await asyncio.gather(*map(keeper.end, owners), keeper.end("nobody"))
            assert all(handle.exit.result().signal == signal.SIGKILL for handle in handles)
            assert list(children(keeper.pid or 0)) == [bystander.pid]

    run(scenario())


def test_close_ends_what_forks_without_end() -> None:
    # Each process lives for a millisecond and leaves a child in a session of its own.
    hydra = """
import os, time
end = time.monotonic() + 60  # nothing else stops it where the test fails
os.write(1, b"up\\n")
while time.monotonic() < end:
    if os.fork() == 0:
        os.setsid()
    else:
        os._exit(0)
"""

    async def scenario() -> None:
        async with opened() as keeper:
            handle = await keeper.start(python(hydra))
            assert await line(handle.stdout) == "up"
            await handle.exit
            await keeper.close()
            assert await text(handle.stdout) == ""  # no process holds the other end

    run(scenario())


def test_close_ends_everything_and_resolves_what_is_pending() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            pid = keeper.pid
            handle = await keeper.start(shell("trap '' TERM; echo up; while :; do :; done"))
            await line(handle.stdout)
            await keeper.close()
            assert handle.exit.result().signal == signal.SIGKILL
            assert pid is not None
            assert not is_alive(pid)
            assert not is_alive(handle.pid)
            assert keeper.pid is None
            await keeper.end("a")
            keeper.signal(handle.pid, signal.SIGKILL)
            assert (await keeper.adopt(handle.pid, "a")).keeper_died
            with pytest.raises(SpawnError, match="cannot start /bin/sleep") as caught:
                await keeper.start(SpawnOrder("a", SLEEP, ENV, None))
            assert caught.value.stage == "keeper"

    run(scenario())


def test_the_control_socket_carries_both_ways() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            handle = await keeper.start(shell("exec cat <&3 >&3"))
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(handle.control, b"ping")
            assert await loop.sock_recv(handle.control, 10) == b"ping"
            handle.control.shutdown(socket.SHUT_WR)
            assert (await handle.exit).code == 0

    run(scenario())


#: A daemon in a process of its own, since its process loses all children when the keeper dies.
DAEMON = """
import asyncio, json, os, signal
from hostler.daemon.base.journal import Journal
from hostler.daemon.keeper.table import scan
from hostler.daemon.launching.launcher import KeeperLauncher, SpawnOrder

ENV = {"PATH": os.environ["PATH"]}

async def main():
    deaths = asyncio.Queue()
    keeper = KeeperLauncher("test-death", lambda: deaths.put_nowait(None), Journal())
    await keeper.open()
    pids = []
    for _ in range(3):
        code = "(env -i setsid sleep 9 &); trap '' TERM; sleep 1000 & echo up; while :; do :; done"
        busy = await keeper.start(SpawnOrder("a", ("/bin/sh", "-c", code), ENV, None))
        idle = await keeper.start(SpawnOrder("b", ("/bin/sleep", "1000"), ENV, None))
        os.set_blocking(busy.stdout, True)
        os.read(busy.stdout, 10)
        pids.append(keeper.pid)
        os.kill(keeper.pid, signal.SIGKILL)
        ended = asyncio.create_task(keeper.end("a"))
        exits = await asyncio.gather(busy.exit, idle.exit)
        assert all(exit.keeper_died for exit in exits), exits
        assert exits[0].describe() == "killed with its keeper"
        # A process that is ordered while there is no keeper waits for the new keeper.
        order = SpawnOrder("c", ("/bin/sh", "-c", "exit 5"), ENV, None)
        early = asyncio.create_task(keeper.start(order))
        await deaths.get()
        await ended
        early = await early
        assert (await early.exit).code == 5
        assert children() == [keeper.pid], children()
        for handle in (busy, idle, early):
            handle.close()
    assert deaths.empty()
    assert len({*pids, keeper.pid}) == 4
    await keeper.close()
    print(json.dumps({"left": children()}))

def children():
    return [process.pid for process in scan().values() if process.parent == os.getpid()]

asyncio.run(main())
"""


def test_a_keeper_that_is_killed_is_replaced_and_leaves_nothing() -> None:
    daemon = subprocess.run(
        [PYTHON, "-X", "dev", "-W", "error", "-c", DAEMON],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert daemon.returncode == 0, daemon.stderr
    assert json.loads(daemon.stdout)["left"] == []
    assert "Warning" not in daemon.stderr
