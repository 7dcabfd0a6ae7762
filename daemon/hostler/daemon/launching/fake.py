"""A launcher that starts nothing: its processes live on the loop of a test, which drives them."""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import TYPE_CHECKING

from hostler.daemon.launching.fake_process import Code, FakeProcess, FarEnds, Script
from hostler.daemon.launching.orders import (
    ExitStatus,
    Handle,
    SpawnOrder,
    open_pipes,
    spawn_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Above what Linux gives to a process: /proc has none of them.
_FIRST_PID = 5_000_001

#: Of the loop: what a process said last is read, and acted upon, before its exit is known.
_REPORT_TURNS = 10


class FakeLauncher:
    """A Launcher whose processes speak the wire through real sockets and pipes.

    Attributes:
        processes: every process that was made, in order.
        orders: every order to start one, those that were refused included.
        disk: what a load from the disk finds now.
        codes: every code that a process has loaded, by name.
        script: how a process behaves that has no script of its own.
        refusals: executables that cannot be started: the stage, and the system's error.
        unsafe_modules: why modules do not bear a fork.
    """

    def __init__(self, on_death: Callable[[], None] = lambda: None) -> None:
        """
        Args:
            on_death: called when a new keeper has taken the place of one that died.
        """
        self.processes: list[FakeProcess] = []
        self.orders: list[SpawnOrder] = []
        self.disk = Code()
        self.codes: dict[str, Code] = {}
        self.script = Script()
        self.refusals: dict[str, tuple[str, int]] = {}
        self.unsafe_modules: dict[str, str] = {}
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._pids = itertools.count(_FIRST_PID)
        self._keeper_up = asyncio.Event()
        self._keeper_up.set()
        self._is_closed = False
        #: Of processes that were started or adopted, until they have ended.
        self._exits: dict[int, asyncio.Future[ExitStatus]] = {}
        self._unclaimed_exits: dict[int, ExitStatus] = {}
        #: Of processes that have ended, until that is reported.
        self._reports: dict[FakeProcess, asyncio.Future[None]] = {}

    # What the daemon asks for

    async def start(self, order: SpawnOrder) -> Handle:
        self.orders.append(order)
        if not self._is_closed:
            await self._keeper_up.wait()
        if self._is_closed:
            raise spawn_error(order, "keeper", 0)
        refusal = self.refusals.get(order.argv[0])
        if refusal is not None:
            raise spawn_error(order, *refusal)
        ours, theirs = open_pipes(order)
        memfd, control, stdout, stderr = theirs
        os.close(memfd)
        pid = next(self._pids)
        exit_ = self._exits[pid] = self._loop.create_future()
        self._make(pid, order.owner, FarEnds.of(control, stdout, stderr), None)
        return Handle(pid, ours.control, ours.stdout, ours.stderr, exit_)

    def adopt(self, pid: int, owner: str) -> asyncio.Future[ExitStatus]:
        exit_ = self._exits.get(pid)
        if exit_ is None:
            exit_ = self._exits[pid] = self._loop.create_future()
        process = self._find(pid)
        if not self._keeper_up.is_set():
            self._resolve(pid, ExitStatus(None, None, keeper_died=True))
        elif process is not None:
            process.owner = owner
        elif all(process.pid != pid for process in self._reports):
            past = self._unclaimed_exits.pop(pid, ExitStatus(None, None))
            self._loop.call_soon(self._resolve, pid, past)
        return exit_

    def signal(self, pid: int, sig: int, *, group: bool = True) -> None:  # noqa: ARG002 (one process is the group)
        process = self._find(pid)
        if process is not None and pid in self._exits:
            process.signal(sig)

    async def end(self, owner: str) -> None:
        if not self._keeper_up.is_set():
            await self._keeper_up.wait()
            return
        for process in self.owned_by(owner):
            process.end(ExitStatus(None, 9))
        reports = [told for process, told in self._reports.items() if process.owner == owner]
        if reports:
            await asyncio.wait(reports)

    # What the test says and sees

    @property
    def alive(self) -> list[FakeProcess]:
        """Returns the processes that have not ended, in the order in which they were made."""
        return [process for process in self.processes if process.is_alive]

    @property
    def newest(self) -> FakeProcess:
        """Returns the process that was made last."""
        return self.processes[-1]

    def owned_by(self, owner: str) -> list[FakeProcess]:
        """Returns the processes of an owner that have not ended."""
        return [process for process in self.alive if process.owner == owner]

    def lose_keeper(self) -> None:
        """Ends every process, as the death of the keeper does; there is none until `new_keeper`."""
        self._keeper_up.clear()
        for process in self.alive:
            process.end(ExitStatus(None, None, keeper_died=True))
        self._unclaimed_exits.clear()

    def new_keeper(self) -> None:
        """Takes orders again after `lose_keeper`, and says so."""
        self._keeper_up.set()
        self._loop.call_soon(self._on_death)

    def close(self) -> None:
        """Ends every process; nothing is started any more."""
        self._is_closed = True
        self._keeper_up.set()
        for process in self.alive:
            process.end(ExitStatus(None, 9))

    # What its processes say

    def make_fork(self, parent: FakeProcess, owner: str, ends: FarEnds) -> None:
        """Makes a process that has forked itself from another one."""
        self._make(next(self._pids), owner, ends, parent)

    def on_exit(self, process: FakeProcess, status: ExitStatus) -> None:
        """Reports how a process has ended, some turns later than its wire was closed."""
        self._reports[process] = self._loop.create_future()
        self._report_in(_REPORT_TURNS, process, status)

    def _report_in(self, turns: int, process: FakeProcess, status: ExitStatus) -> None:
        if turns:
            self._loop.call_soon(self._report_in, turns - 1, process, status)
            return
        self._report(process.pid, status)
        self._reports.pop(process).set_result(None)

    def _make(self, pid: int, owner: str, ends: FarEnds, parent: FakeProcess | None) -> None:
        self.processes.append(FakeProcess(self, pid, owner, ends, parent))

    def _find(self, pid: int) -> FakeProcess | None:
        return next((process for process in self.alive if process.pid == pid), None)

    def _report(self, pid: int, status: ExitStatus) -> None:
        if pid in self._exits:
            self._resolve(pid, status)
        elif not status.keeper_died:
            self._unclaimed_exits[pid] = status

    def _resolve(self, pid: int, status: ExitStatus) -> None:
        exit_ = self._exits.pop(pid, None)
        if exit_ is not None and not exit_.done():
            exit_.set_result(status)
