"""How a record is opened: by one daemon alone, with what an earlier one left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING

from hostler.daemon.runs.store.database import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.runs.store.record import Run
    from hostler.daemon.runs.store.reserve import DiskReserve
    from hostler.daemon.runs.store.tables import RunTables


def lock_folder(folder: Path) -> int:
    """Locks a state folder: two daemons in it would each end the other's runs."""
    descriptor = os.open(folder / "runs.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).strip().decode("ascii", "replace")
        os.close(descriptor)
        which = f"another daemon, with pid {holder}," if holder.isdecimal() else "another daemon"
        raise StoreError(
            f"cannot use the state folder {folder}: {which} uses it, since it serves the same "
            "workspace on another socket or was given the same --state; stop that one, or name "
            "another folder with --state"
        ) from None
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def recover(tables: RunTables, reserve: DiskReserve, path: Path) -> list[Run]:
    """Takes over what an earlier daemon left; returns the runs in the queue, in order."""
    for attempt in range(2):
        try:
            tables.begin()
            queued = tables.recover()
            tables.commit()
        except sqlite3.Error as error:
            tables.roll_back()
            reserve.release()
            if attempt:
                tables.close()
                raise StoreError(f"cannot write the record of runs {path}: {error}") from error
        else:
            return queued
    raise AssertionError("returned or raised")
