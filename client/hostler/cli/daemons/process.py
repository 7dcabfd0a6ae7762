"""hostlerd as a child process that ends whenever this command ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

#: Never imported here: the daemon is a program of its own.
HOSTLERD = (sys.executable, "-P", "-m", "hostler.daemon.main")

#: The descriptor of our own stderr.
STDERR = 2

#: Seconds that the daemon gives runs, and then locations, to end before it kills them, unless
#: HOSTLER_STOP_GRACE says otherwise.
STOP_GRACE = 10.0

#: Seconds beyond both graces; a daemon that takes longer hangs.
STOP_MARGIN = 15.0

#: Seconds; a daemon serves within a fraction of one, but on a machine that swaps it takes some.
READY_TIMEOUT = 60.0


class DaemonProcess:
    """Runs a hostlerd that serves workspace files on a socket.

    The daemon holds the other end of a socket pair, the lifeline: when this process ends in any
    way, also by SIGKILL, the kernel closes our end and the daemon stops. The daemon runs in a
    process group of its own, so that the terminal's Ctrl-C reaches this process alone, which then
    stops the daemon in order.

    Args:
        files: the workspace files.
        socket_path: where it serves.
        options: more options of hostlerd.
        log: where its stdout and stderr go, as subprocess.Popen takes it; our stderr by default.
        variables: of its environment, beside those of this process.
    """

    def __init__(
        self,
        files: Sequence[Path],
        socket_path: Path,
        *,
        options: Sequence[str] = (),
        log: int = STDERR,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._is_asked = False
        self._lifeline, theirs = socket.socketpair()
        with theirs:
            command = [*HOSTLERD]
            for file in files:
                command += ["-w", str(file)]
            command += ["--socket", str(socket_path), "--lifeline", str(theirs.fileno()), *options]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(variables or {})},
                pass_fds=[theirs.fileno()],
                process_group=0,
            )

    @property
    def log(self) -> IO[bytes]:
        """Returns the stream of its stdout and stderr, where `log` was PIPE."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def exit_code(self) -> int | None:
        """Returns its exit code, 128 + N for a death by signal N; None while it is alive."""
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def wait_ready(self, timeout: float = READY_TIMEOUT) -> bool:
        """Waits until it serves; returns False where it ended or did not serve in time."""
        deadline = time.monotonic() + timeout
        while self._process.poll() is None and time.monotonic() < deadline:
            # Short waits: a child of a daemon that died may still hold the other end.
            if select.select([self._lifeline], [], [], 0.2)[0]:
                if self._lifeline.recv(16).startswith(b"ready"):
                    return True
                self.wait(stop_timeout())  # it is ending by itself; its exit code says why
                break
        return False

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for its end; returns the exit code, or None where it is alive after the timeout."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self.exit_code

    def stop(self) -> int:
        """Stops it in order, or kills it where that takes too long; returns the exit code."""
        if self._process.poll() is None:
            self.ask_to_stop()
            if self.wait(stop_timeout()) is None:
                self._process.kill()
        self._process.wait()
        self._lifeline.close()
        return self.exit_code or 0

    def ask_to_stop(self) -> None:
        """Asks it to stop in order, and waits for nothing.

        It is asked once: a second SIGTERM would end it in the middle of its last steps.
        """
        if not self._is_asked:
            self._is_asked = True
            self._process.terminate()

    def kill(self) -> None:
        """Kills it; what it started ends with it."""
        self._process.kill()
        self._process.wait()


def stop_timeout() -> float:
    """Returns the seconds after which a daemon that was asked to stop hangs."""
    grace = STOP_GRACE
    with contextlib.suppress(KeyError, ValueError):
        grace = float(os.environ["HOSTLER_STOP_GRACE"])
    return 2 * grace + STOP_MARGIN


@contextlib.contextmanager
def exit_on_termination() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into SystemExit, so that `with` blocks are left in order."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
