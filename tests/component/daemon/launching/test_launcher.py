"""The processes that the keeper starts, with a real keeper."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from component.daemon.keeping import (
    ENV,
    SLEEP,
    TrackedKeeper,
    children,
    is_alive,
    line,
    open_descriptors,
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
            # Signals that CPython itself ignores.
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


def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    async def scenario() -> None:
        async with opened() as keeper:
            before = open_descriptors(os.getpid())
            start = asyncio.create_task(keeper.start(SpawnOrder("a", SLEEP, ENV, None)))
            await asyncio.sleep(0)  # the order was sent
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
