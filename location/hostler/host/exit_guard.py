"""The guard of inherited exit handlers: what was there before the fork is not theirs to remove.

A library may have registered at its import what removes a folder that it made there. In a fork the
folder belongs to all forks, and the handler may know others that the fork has made itself.
"""

from __future__ import annotations

import os
import sys
import time

from hostler.definitions._late import late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: The system's clock of files ticks that seldom.
_TICK_SECONDS = 0.01

_REMOVALS = {"os.remove", "os.rmdir", "os.rename", "shutil.rmtree", "shutil.move"}

_STATX_BTIME = 0x800
_AT_FDCWD, _AT_SYMLINK_NOFOLLOW = -100, 0x100
_STATX_BYTES, _BTIME_OFFSET = 256, 80

_born_at = 0.0
_is_active = _has_hook = False


def begin() -> None:
    """Notes the time of a fork; to be called in it."""
    global _born_at, _is_active
    _born_at, _is_active = time.time(), False


def call(function: Callable[[], object]) -> None:
    """Calls an exit handler; an attempt to remove what is older than this fork raises in it."""
    global _is_active, _has_hook  # noqa: PLW0603 (of the process)
    if not _has_hook:
        _has_hook = True
        sys.addaudithook(_audit)
    _is_active = True
    try:
        function()
    finally:
        _is_active = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _is_active or event not in _REMOVALS:
        return
    if event in ("os.remove", "os.rmdir") and arguments[1] not in (None, -1):
        return  # below a folder that is removed whole, and was looked at
    if _is_older(arguments[0]):
        raise PermissionError(f"{arguments[0]} was there before this process")


def _is_older(path: Any) -> bool:
    """Returns whether a file was there before this process was forked, or that cannot be known."""
    try:
        changed = os.lstat(path).st_ctime
    except FileNotFoundError:
        return False
    except (OSError, TypeError, ValueError):
        return True
    return min(changed, _birth(os.fsencode(path))) < _born_at - _TICK_SECONDS


def _birth(path: bytes) -> float:
    """Returns the time when a file was made, by statx(2); 0 where the file system has none."""
    ctypes, struct = late("ctypes"), late("struct")
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    try:
        failed = ctypes.CDLL(None).statx(
            _AT_FDCWD, path, _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer
        )
    except AttributeError:  # a C library before 2018
        return 0.0
    mask = struct.unpack_from("=I", buffer)[0]
    if failed or not mask & _STATX_BTIME:
        return 0.0
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BTIME_OFFSET)
    return float(seconds + nanoseconds / 1e9)
