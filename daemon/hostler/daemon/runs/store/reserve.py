"""A file that only takes up room; given back when the disk is full, so that runs can still end."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: The ends of some thousand runs fit.
RESERVE_SIZE = 1_000_000

#: Between two tries to take the room again, in seconds.
_RETRY_INTERVAL = 1.0


class DiskReserve:
    """Room on the disk, held or given back.

    Attributes:
        is_held: False from when the disk was full until there is room again. True also where a
            file system cannot promise room: what it has is not known to be too little.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next_try = 0.0
        self.is_held = False
        self.acquire()

    def acquire(self) -> bool:
        """Takes the room unless it is held or was tried a moment ago; whether it is held now."""
        if not self.is_held and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + _RETRY_INTERVAL
            self.is_held = self._allocate()
        return self.is_held

    def release(self) -> None:
        """Frees the room for what must be written now."""
        self.is_held = False
        self._next_try = time.monotonic() + _RETRY_INTERVAL
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _allocate(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_SIZE)
            finally:
                os.close(descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return error.errno not in (errno.ENOSPC, errno.EDQUOT)
        return True
