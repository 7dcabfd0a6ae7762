"""Child processes by their pid, for which the user's code may wait, too."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


def pidfd(pid: int) -> int | None:
    """Returns a descriptor that is readable once the process has ended; None before 3.9."""
    opened: Callable[[int], int] | None = getattr(os, "pidfd_open", None)  # 3.9
    try:
        return None if opened is None else opened(pid)
    except OSError:
        return None


def has_ended(pid: int) -> bool:
    """Returns whether a child has ended, and leaves it a zombie."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:  # the user's code waits for all children, or lets the kernel do so
        return True


def reap(pid: int) -> int | None:
    """Reaps a child that has ended; returns its status, None where other code has reaped it."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return None


def kill_group(pid: int) -> None:
    """Kills a process group; does nothing where it has ended."""
    signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, number: int) -> None:
    """Signals a process group; does nothing where it has ended."""
    try:
        os.killpg(pid, number)
    except OSError:  # it has ended, or has become another user's
        pass
