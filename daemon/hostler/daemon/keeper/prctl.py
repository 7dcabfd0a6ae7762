"""What the standard library cannot ask of the kernel."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int | bytes) -> None:
    value = ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.c_ulong(argument)
    if _libc.prctl(option, value, *[ctypes.c_ulong(0)] * 3) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))


def set_subreaper(*, on: bool) -> None:
    """Sets whether orphans among the descendants become children of this process."""
    _prctl(PR_SET_CHILD_SUBREAPER, int(on))


def set_parent_death_signal(signal: int) -> None:
    """Asks for a signal when the parent ends; exec keeps this, fork and a change of user do not."""
    _prctl(PR_SET_PDEATHSIG, signal)


def set_name(name: bytes) -> None:
    """Sets the name that `ps` and `top` show; 15 bytes at most."""
    _prctl(PR_SET_NAME, name)
