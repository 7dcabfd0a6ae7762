"""Kills what an earlier daemon and its keeper left when both were killed together."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.keeper.table import Purge, below, owner_mark, scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostler.daemon.keeper.table import Process

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

#: Seconds: what was killed is gone in milliseconds, what the kernel holds must not delay the start.
_PATIENCE = 5.0

_PAUSE = 0.005


def instance_id(socket_path: str | os.PathLike[str]) -> str:
    """Returns the id of the daemon that serves the socket, in this boot: 16 hex digits.

    Marks of processes carry it; one of another boot never matches.
    """
    boot = _BOOT_ID.read_bytes().strip()
    path = os.fsencode(Path(socket_path).resolve())
    return hashlib.blake2b(boot + b"\0" + path, digest_size=8).hexdigest()


def kill_leftovers(instance: str) -> list[int]:
    """Kills what bears the instance's mark, and its descendants; returns the pids it found.

    Only processes of this user, and never this one nor those above it. To be called at the
    daemon's start with the socket's lock held, before there is a keeper. Returns when they are
    gone, after 5 s at the latest.
    """
    found: set[int] = set()
    purge = Purge()
    deadline = time.monotonic() + _PATIENCE
    while True:
        table = scan()
        exempt = _ancestors(table) | _below_living_keepers(table)
        marked = [pid for pid in table if pid not in exempt and _is_leftover(pid, instance)]
        targets = {pid: table[pid] for pid in marked}
        targets.update((p.pid, p) for p in below(table, marked) if p.pid not in exempt)
        alive = {pid: process for pid, process in targets.items() if not process.is_dead}
        found.update(alive)
        if purge.strike(alive.values()) or time.monotonic() > deadline:
            return sorted(found)
        time.sleep(_PAUSE)


def _is_leftover(pid: int, instance: str) -> bool:
    try:
        owned = Path(f"/proc/{pid}").stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False
    return owned and owner_mark(pid, instance) is not None


def _below_living_keepers(table: Mapping[int, Process]) -> set[int]:
    """Returns the keepers that live and what is below them: other daemons own it."""
    keepers = [pid for pid in table if _is_keeper(pid)]
    return {*keepers, *(process.pid for process in below(table, keepers))}


def _is_keeper(pid: int) -> bool:
    try:
        return b"hostler-keeper" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _ancestors(table: Mapping[int, Process]) -> set[int]:
    """Returns this process and those above it."""
    pid = os.getpid()
    ancestors = {pid}
    while pid in table:
        pid = table[pid].parent
        ancestors.add(pid)
    return ancestors
