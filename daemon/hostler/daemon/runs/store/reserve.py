"""A file that only takes up room: deleted when the disk is full, so that ends can be written."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes: the ends of some thousand runs fit.
RESERVE_SIZE = 1_000_000

#: Seconds between two tries to allocate the file again.
_RETRY_INTERVAL = 1.0


class DiskReserve:
    """Room on the disk that is kept free for the ends of runs.

    Attributes:
        is_held: False from when the disk was full until there is room again. True as well on a file
            system that cannot allocate room: nothing says that it has too little.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next_try = 0.0
        self.is_held = False
        self.acquire()

    def acquire(self) -> bool:
        """Allocates the file, with a pause between tries; returns whether it is held."""
        if not self.is_held and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + _RETRY_INTERVAL
            self.is_held = self._allocate()
        return self.is_held

    def release(self) -> None:
        """Deletes the file, so that its room can be used for what must be written now."""
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
