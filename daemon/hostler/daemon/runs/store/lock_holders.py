"""Who holds locks on the record of runs, as far as the kernel says."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: What SQLite locks: the file itself, and the index of its log.
_SUFFIXES = ("", "-shm", "-wal")


def lock_holders(path: Path) -> str:
    """Returns the other programs that have locked a file of SQLite for writing, such as
    `sqlite3 (pid 4711)`; "" where none is known.
    """
    inodes = set()
    for suffix in _SUFFIXES:
        with contextlib.suppress(OSError):
            inodes.add(str(os.stat(f"{path}{suffix}").st_ino))  # noqa: PTH116 (a text is at hand)
    pids = set()
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            # 1: POSIX  ADVISORY  WRITE 4711 08:02:1234 120 120
            fields = line.split()
            if fields[3:4] == ["WRITE"] and fields[5].rpartition(":")[2] in inodes:
                pids.add(int(fields[4]))
    pids -= {os.getpid()}
    return ", ".join(f"{_name(pid)} (pid {pid})" for pid in sorted(pids) if _has_opened(pid, path))


def _has_opened(pid: int, path: Path) -> bool:
    """Returns whether a process has the file open; an inode's number is one of a file system."""
    real = os.path.realpath(path)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with contextlib.suppress(FileNotFoundError):  # it was closed since
                if os.readlink(f"/proc/{pid}/fd/{name}").startswith(real):  # noqa: PTH115
                    return True
    except PermissionError:
        return True  # it belongs to another user
    except OSError:
        pass
    return False


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process"
