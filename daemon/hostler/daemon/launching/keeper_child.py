"""The process of a keeper, as its parent, the daemon, holds it from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.keeper.link import Link
from hostler.daemon.keeper.table import MARK, Purge, below, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostler.daemon.keeper.link import Packet

#: The folder that holds this portion of the `hostler` namespace: a source root or site-packages.
_ROOT = str(Path(__file__).resolve().parents[3])

_CODE = (
    f"import sys; sys.path.append({_ROOT!r}); "
    "from hostler.daemon.keeper.process import main; main()"
)

#: The pauses between passes of killing what a dead keeper left.
_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1


class KeeperError(Exception):
    """The keeper cannot be started."""


class KeeperChild:
    """A started keeper: `on_report` gets each of its packets, `on_exit` is called once, at its end.

    The daemon's event loop reads and writes; nothing here blocks but the start, for 2 ms.
    """

    def __init__(
        self, instance: str, on_report: Callable[[Packet], None], on_exit: Callable[[], None]
    ) -> None:
        """Starts the process.

        Raises:
            KeeperError: it cannot be executed, or the kernel has no pidfd (it is older than 5.3).
        """
        self._loop = asyncio.get_running_loop()
        self._on_report = on_report
        self._on_exit = on_exit
        self._is_writer_added = False
        self.started = self._loop.time()
        try:
            self._process, self._pidfd, self._link = _start(instance)
        except OSError as error:
            raise KeeperError(f"cannot start the keeper {sys.executable}: {error}") from error
        self._loop.add_reader(self._link, self._read)
        self._loop.add_reader(self._pidfd, self._on_process_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Returns the status as `Popen` has it: None while it runs, negative for a signal."""
        return self._process.returncode

    def post(self, order: Packet, fds: Sequence[int] = ()) -> None:
        """Gives the keeper an order; the descriptors are closed once sent.

        Raises:
            OSError: the kernel refuses it.
        """
        self._link.post(order, fds)
        if self._link.has_backlog and not self._is_writer_added:
            self._is_writer_added = True
            self._loop.add_writer(self._link, self._write)

    def kill(self) -> None:
        """Kills the keeper at once, so that it does not clean up."""
        self._process.kill()

    def _write(self) -> None:
        try:
            self._link.flush()
        except OSError:
            self.kill()  # an order was lost; a new keeper and new processes make it good
        if not self._link.has_backlog:
            self._stop_writing()

    def _stop_writing(self) -> None:
        if self._is_writer_added:
            self._is_writer_added = False
            self._loop.remove_writer(self._link)

    def _read(self) -> bool:
        """Passes on the reports that have arrived; returns False if there were none."""
        reports = [report for report, _ in self._link.receive()]
        for report in reports:
            self._on_report(report)
        if self._link.closed:
            self._loop.remove_reader(self._link)
        return bool(reports)

    def _on_process_end(self) -> None:
        self._process.wait()  # returns at once: the pidfd says that it has ended
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        while self._read():  # its last reports
            pass
        self._loop.remove_reader(self._link)
        self._stop_writing()
        self._link.close()
        self._on_exit()


def _start(instance: str) -> tuple[subprocess.Popen[bytes], int, Link]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with theirs:
            process = _execute(theirs.fileno(), instance)
        return process, os.pidfd_open(process.pid), Link(ours)
    except OSError:
        ours.close()  # which ends a keeper that was started
        raise


def _execute(descriptor: int, instance: str) -> subprocess.Popen[bytes]:
    # The keeper itself has no mark, even where the daemon was started by a process that has one.
    env = {name: value for name, value in os.environ.items() if name != MARK}
    arguments = ["-I", "-S", "-c", _CODE, "hostler-keeper", str(descriptor), instance]
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env=env,
        pass_fds=[descriptor],
        start_new_session=True,  # a Ctrl-C in the terminal is for the daemon to handle
    )


def kill_inherited(patience: float) -> bool:
    """Kills and reaps everything below this process; returns True once nothing is left.

    What a dead keeper leaves comes to the daemon, which is a subreaper and has no other children.
    To be called while there is no keeper, from a thread: it blocks for up to `patience` seconds.
    """
    purge = Purge()
    daemon = os.getpid()
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        inherited = below(scan(), [daemon])
        for process in inherited:
            if process.is_dead and process.parent == daemon:
                _reap(process.pid)
        if purge.strike(inherited, daemon):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
