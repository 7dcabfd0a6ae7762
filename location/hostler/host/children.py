"""Child processes by their pid, for which the user's code may wait, too."""

from __future__ import annotations

import os
import signal

from hostler.host import wire

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


def describe(status: int | None) -> str:
    """Returns how a child ended, for people; the status as `reap` returns it."""
    if status is None:
        return "ended, and something else has learned how"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            how = f"was killed by {signal.Signals(number).name}"
        except ValueError:
            how = f"was killed by signal {number}"
        if number == signal.SIGKILL:
            how += ", as the system does where memory runs out"
    elif os.WEXITSTATUS(status) == wire.EXIT_LOST:
        how = (
            "ended, since its code closed the descriptor through which it speaks to its run; close "
            "only what the code has opened"
        )
    else:
        how = f"ended with exit code {os.WEXITSTATUS(status)} before its function had"
    return how
