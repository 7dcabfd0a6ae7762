"""Tells the service manager what becomes of the daemon: the protocol of sd_notify(3).

The protocol is a datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names, so nothing
is needed but a socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

#: Variables of the service manager that are for this process alone.
_SOCKET, _WATCHDOG_TIME, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"

#: Seconds before a start that failed ends; people who mend a file notice no more.
START_RETRY = 5.0

#: Characters of a status: `systemctl status` shows one line.
MAX_STATUS = 300


class ServiceManager:
    """Tells the service manager, where there is one; else does nothing.

    Attributes:
        watchdog: seconds within which the manager wants to hear from the daemon; 0 for never.
    """

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        """
        Args:
            address: a path, or "@" and a name for an abstract socket; empty where there is no
                manager.
        """
        self.watchdog = watchdog if address else 0.0
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)  # a manager that hangs must not stop the daemon

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> ServiceManager:
        """Makes one of the variables that the manager has set, and removes these.

        What the daemon starts inherits its environment, and must not speak for it.
        """
        address = environ.pop(_SOCKET, "")
        microseconds = environ.pop(_WATCHDOG_TIME, "")
        pid = environ.pop(_WATCHDOG_PID, "")
        is_for_us = pid in ("", str(os.getpid()))
        watchdog = int(microseconds) / 1e6 if microseconds.isdecimal() and is_for_us else 0.0
        return cls(address if address[:1] in ("/", "@") else "", watchdog)

    def failed_to_start(self, problem: str) -> None:
        """Says why the daemon cannot start, and waits a little, so that this can be read.

        A manager starts the daemon again at once: after a crash that is what everybody wants, and
        before the problem is mended it would keep a processor busy.
        """
        if self._socket is not None:
            self.status(f"cannot start: {problem}")
            time.sleep(START_RETRY)

    def ready(self, status: str) -> None:
        """Says that the daemon has started, or has read its files again."""
        self._send("READY=1", f"STATUS={_one_line(status)}")

    def status(self, status: str) -> None:
        """Says in words how the daemon is."""
        self._send(f"STATUS={_one_line(status)}")

    def reloading(self) -> None:
        """Says that the daemon reads its files again; `ready` has to follow."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """Says that the daemon ends."""
        self._send("STOPPING=1")

    def ping(self) -> None:
        """Says that the event loop is alive."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        """Closes the socket; what is said later is dropped."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *assignments: str) -> None:
        if self._socket is None:
            return
        # the manager is gone or does not read: nothing of the daemon's depends on it
        with contextlib.suppress(OSError):
            self._socket.sendto("\n".join(assignments).encode(), self._address)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_STATUS else f"{line[: MAX_STATUS - 1]}…"
