"""The daemon's side of the keeper, with a real keeper and real processes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hostler.daemon.launcher import ExitStatus, Handle, Keeper, SpawnError, SpawnOrder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

PYTHON = sys.executable
ENV = {"PATH": os.environ["PATH"]}
SLEEP = ("/bin/sleep", "1000")


def run(scenario: Coroutine[Any, Any, None], within: float = 30) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(within):
            await scenario

    asyncio.run(bounded())


class TrackedKeeper(Keeper):
    """Closes what it has given out."""

    def __init__(self) -> None:
        def died() -> None:
            raise AssertionError("the keeper died")

        super().__init__("test-launcher", died)
        self.handles: list[Handle] = []

    async def start(self, order: SpawnOrder) -> Handle:
        handle = await super().start(order)
        self.handles.append(handle)
        return handle

    def close_handles(self) -> None:
        while self.handles:
            self.handles.pop().close()


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[TrackedKeeper]:
    keeper = TrackedKeeper()
    await keeper.open()
    try:
        yield keeper
    finally:
        await keeper.close()
        keeper.close_handles()


def python(code: str, owner: str = "a", **more: Any) -> SpawnOrder:
    return SpawnOrder(owner, (PYTHON, "-I", "-S", "-c", code), ENV, more.pop("cwd", None), **more)


def shell(code: str, owner: str = "a", env: dict[str, str] | None = None) -> SpawnOrder:
    return SpawnOrder(owner, ("/bin/sh", "-c", code), ENV | (env or {}), None)


async def text(fd: int) -> str:
    """What comes until every holder has closed its end."""
    return b"".join([data async for data in pieces(fd)]).decode()


async def line(fd: int) -> str:
    """What comes until the first newline."""
    got = b""
    async for data in pieces(fd):
        got += data
        if b"\n" in got:
            break
    return got.decode().strip()


async def pieces(fd: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    while True:
        readable.clear()
        loop.add_reader(fd, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(fd)
        data = os.read(fd, 65536)
        if not data:
            return
        yield data


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children(pid: int) -> dict[int, str]:
    """The pids and states of a process's children."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid:
                found[int(stat.parent.name)] = state
    return found


async def until(condition: Callable[[], bool], within: float = 5) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in other processes
            await asyncio.sleep(0.005)


def test_a_process_gets_its_descriptors_its_session_and_nothing_else() -> None:
    code = """
import json, os, signal, socket
control = socket.socket(fileno=3)
control.sendall(b"hello from " + str(os.getpid()).encode())
listing = os.open("/proc/self/fd", os.O_RDONLY)
status = open("/proc/self/status").read()
print(json.dumps({
    "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) < listing),
    "stdin": os.readlink("/proc/self/fd/0"),
    "sid": os.getsid(0), "pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ),
    "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
    "ignored": int(status.split("SigIgn:")[1].split()[0], 16),
}))
os.write(2, b"and this is stderr")
"""

    async def scenario() -> None:
        async with opened() as keeper:
            handle = await keeper.start(python(code, "locations/x", cwd="/usr"))
            assert handle.control.getblocking() is False
            said, errors = await asyncio.gather(text(handle.stdout), text(handle.stderr))
            assert await handle.exit == ExitStatus(0, None)
            seen = json.loads(said)
            assert handle.control.recv(100) == f"hello from {handle.pid}".encode()
            assert errors == "and this is stderr"
            assert seen["fds"] == [0, 1, 2, 3]
            assert seen["stdin"] == "/dev/null"
            assert seen["sid"] == seen["pid"] == handle.pid
            assert seen["cwd"] == "/usr"
            assert seen["env"].pop("HOSTLER_OWNER") == "test-launcher:locations/x"
            seen["env"].pop("LC_CTYPE", None)  # which CPython sets itself
            assert seen["env"] == ENV
            assert seen["blocked"] == []
            # What CPython ignores of its own accord.
            assert seen["ignored"] == sum(1 << (n - 1) for n in (signal.SIGPIPE, signal.SIGXFSZ))

    run(scenario())


@pytest.mark.parametrize(
    ("code", "status", "description"),
    [
        ("exit 0", ExitStatus(0, None), "exit code 0"),
        ("exit 3", ExitStatus(3, None), "exit code 3"),
        ("kill -KILL $$", ExitStatus(None, 9), "killed by SIGKILL"),
        ("kill -SEGV $$", ExitStatus(None, 11), "killed by SIGSEGV"),
        ("kill -36 $$", ExitStatus(None, 36), "killed by signal 36"),
    ],
)
def test_an_exit_is_told_exactly(code: str, status: ExitStatus, description: str) -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            handle = await keeper.start(shell(code))
            assert await handle.exit == status
            assert status.describe() == description

    run(scenario())


def test_an_exit_is_told_while_a_grandchild_holds_the_descriptors() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            handle = await keeper.start(shell("sleep 1000 & echo $!; exit 4"))
            assert (await handle.exit).code == 4
            assert is_alive(int(await line(handle.stdout)))

    run(scenario())


def test_a_failure_to_start_names_its_stage_and_cause(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    headless = tmp_path / "headless"
    headless.write_text("no shebang")
    headless.chmod(0o755)
    missing = str(tmp_path / "missing")
    cases = [
        (SpawnOrder("a", (missing,), ENV, None), "exec", errno.ENOENT, missing),
        (SpawnOrder("a", (str(plain),), ENV, None), "exec", errno.EACCES, str(plain)),
        (SpawnOrder("a", (str(headless),), ENV, None), "exec", errno.ENOEXEC, str(headless)),
        (SpawnOrder("a", (str(tmp_path),), ENV, None), "exec", errno.EACCES, str(tmp_path)),
        (SpawnOrder("a", SLEEP, ENV, missing), "chdir", errno.ENOENT, missing),
        (SpawnOrder("a", SLEEP, ENV, str(plain)), "chdir", errno.ENOTDIR, str(plain)),
        (SpawnOrder("a", (*SLEEP, "x" * 200_000), ENV, None), "exec", errno.E2BIG, "/bin/sleep"),
        (SpawnOrder("a", (*SLEEP, "\0"), ENV, None), "order", 0, "/bin/sleep"),
    ]

    async def scenario() -> None:
        async with opened() as keeper:
            before = open_descriptors(os.getpid())
            for order, stage, number, name in cases:
                with pytest.raises(SpawnError) as caught:
                    await keeper.start(order)
                assert (caught.value.stage, caught.value.errno) == (stage, number)
                assert str(caught.value).startswith("cannot ")
                assert name in str(caught.value)
                assert not number or os.strerror(number) in str(caught.value)
            assert open_descriptors(os.getpid()) == before
            await until(lambda: not children(keeper.pid or 0))

    run(scenario())


def test_a_large_environment_and_undecodable_bytes_arrive() -> None:
    env = {f"V{number}": "x" * 100_000 for number in range(10)} | {"ODD": os.fsdecode(b"\xff\xfe")}

    async def scenario() -> None:
        async with opened() as keeper:
            code = 'printf %s "$ODD$V9" | wc -c; printf %s "$ODD" | od -An -tx1'
            handle = await keeper.start(shell(code, env=env))
            assert (await text(handle.stdout)).split() == ["100002", "ff", "fe"]

    run(scenario())


def test_limits_are_set() -> None:
    code = """
import os
print(os.nice(0))
try:
    bytearray(1 << 30)
except MemoryError:
    print("no memory")
"""

    async def scenario() -> None:
        async with opened() as keeper:
            base = os.nice(0)
            handle = await keeper.start(python(code, memory=200 << 20, nice=5))
            assert (await text(handle.stdout)).split("\n") == [str(base + 5), "no memory", ""]

    run(scenario())


def test_many_starts_at_once_leak_nothing() -> None:
    async def one(keeper: TrackedKeeper, number: int) -> None:
        handle = await keeper.start(shell(f"exit {number}"))
        assert await handle.exit == ExitStatus(number, None)

    async def scenario() -> None:
        async with opened() as keeper:
            assert keeper.pid is not None
            await one(keeper, 0)
            keeper.close_handles()
            before = open_descriptors(os.getpid()), open_descriptors(keeper.pid)
            for tens in range(5):
                await asyncio.gather(*[one(keeper, tens * 10 + number) for number in range(10)])
                keeper.close_handles()
            assert (open_descriptors(os.getpid()), open_descriptors(keeper.pid)) == before
            assert children(keeper.pid) == {}

    run(scenario())


def open_descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            before = open_descriptors(os.getpid())
            start = asyncio.create_task(keeper.start(SpawnOrder("a", SLEEP, ENV, None)))
            await asyncio.sleep(0)  # the order is out
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
            # The next process comes after the cancelled one.
            handle = await keeper.start(shell("exit 0"))
            await handle.exit
            keeper.close_handles()
            await until(lambda: not children(keeper.pid or 0))
            assert open_descriptors(os.getpid()) == before

    run(scenario())


#: Forks twice, as a location process does for a worker; prints the pid. The argument is what the
#: fork does, the first process goes on until its stdin, the control socket, ends.
DOUBLE_FORK = """
import os, signal, sys, time
middle = os.fork()
if middle == 0:
    pid = os.fork()
    if pid == 0:
        if {own_session}:
            os.setsid()
        {work}
        os._exit(0)
    os.write(1, b"%d\\n" % pid)
    os._exit(0)
os.waitpid(middle, 0)
os.read(3, 1)
"""


def forking(work: str, owner: str = "a", *, own_session: bool = True) -> SpawnOrder:
    return python(DOUBLE_FORK.format(work=work, own_session=own_session), owner)


async def fork(keeper: Keeper, work: str, owner: str = "a") -> tuple[Handle, int]:
    parent = await keeper.start(forking(work, owner))
    return parent, int(await line(parent.stdout))


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
            # Of owner a: what resists, what was orphaned, what has neither mark nor parent.
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
            # Of owner b: its own, and a fork of a process of a's, with a child, that is registered.
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
import os
os.write(1, b"up\\n")
while True:
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
            assert await text(handle.stdout) == ""  # nobody holds the other end

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


#: A daemon in a process of its own, since a keeper's death costs its process all children.
DAEMON = """
import asyncio, json, os, signal
from hostler.daemon.keeper.table import scan
from hostler.daemon.launcher import Keeper, SpawnOrder

ENV = {"PATH": os.environ["PATH"]}

async def main():
    deaths = asyncio.Queue()
    keeper = Keeper("test-death", lambda: deaths.put_nowait(None))
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
        # One that is asked for while there is no keeper waits for the new one.
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
