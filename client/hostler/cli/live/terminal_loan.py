"""The terminal as it is lent to the debugger of a run, which is a process of the daemon's."""

from __future__ import annotations

import array
import contextlib
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

#: Seconds: a debugger has connected before it tells that it wants the terminal.
_CONNECT_TIMEOUT = 5.0

#: pid, uid and gid of the peer of a Unix socket.
_CREDENTIALS = struct.Struct("3i")


def has_terminal() -> bool:
    """Returns whether a person types into this command and reads what it prints."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class TerminalLender:
    """Lends the terminal through a socket, which only this user can open."""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="hostler.debug."))
        self.socket = self._folder / "s"
        self._borrower = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self._listener.settimeout(_CONNECT_TIMEOUT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def lend(self) -> None:
        """Gives the terminal to the debugger that has asked for it; returns once it is back."""
        try:
            loan, _ = self._listener.accept()
        except TimeoutError:  # its process has ended
            return
        descriptors = array.array("i", [sys.stdin.fileno(), sys.stdout.fileno()])
        before = termios.tcgetattr(sys.stdin)
        with loan, contextlib.suppress(OSError):
            loan.settimeout(None)
            peer = loan.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            rights: list[tuple[int, int, Any]]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
            loan.sendmsg([b"t"], rights)
            self._borrower = _CREDENTIALS.unpack(peer)[0]
            loan.recv(1)  # it is closed at the end, also at that of the process
        self._borrower = 0
        # a process that was killed leaves it as its line editor had it
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def interrupt(self) -> bool:
        """Passes a Ctrl-C on to the debugger that has the terminal; returns whether one has it."""
        borrower = self._borrower
        if not borrower:
            return False
        with contextlib.suppress(OSError):
            os.kill(borrower, signal.SIGINT)
        return True
