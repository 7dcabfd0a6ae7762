"""A real keeper for a test, and the processes that it starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostler.daemon.base.journal import Journal
from hostler.daemon.launching.launcher import Handle, KeeperLauncher, SpawnOrder

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


class TrackedKeeper(KeeperLauncher):
    """Closes the descriptors that it has given out."""

    def __init__(self) -> None:
        def died() -> None:
            raise AssertionError("the keeper died")

        self.journal = Journal()
        super().__init__("test-launcher", died, self.journal)
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
        keeper.journal.close()


def python(code: str, owner: str = "a", **more: Any) -> SpawnOrder:
    return SpawnOrder(owner, (PYTHON, "-I", "-S", "-c", code), ENV, more.pop("cwd", None), **more)


def shell(code: str, owner: str = "a", env: dict[str, str] | None = None) -> SpawnOrder:
    return SpawnOrder(owner, ("/bin/sh", "-c", code), ENV | (env or {}), None)


async def text(fd: int) -> str:
    """Returns what comes until every holder has closed its end."""
    return b"".join([data async for data in pieces(fd)]).decode()


async def line(fd: int) -> str:
    """Returns what comes until the first newline."""
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
    """Returns the pids and states of a process's children."""
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


def open_descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


#: Forks twice, as a location process does for a worker, and prints the pid. The fork does what the
#: argument says; the first process goes on until its stdin, the control socket, ends.
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


async def fork(keeper: KeeperLauncher, work: str, owner: str = "a") -> tuple[Handle, int]:
    parent = await keeper.start(forking(work, owner))
    return parent, int(await line(parent.stdout))
