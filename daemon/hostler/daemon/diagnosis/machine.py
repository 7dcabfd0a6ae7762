"""Whether the machine has what the daemon needs: paths, limits, disk, memory, a clock."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import stat
import time
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.base.descriptors import DescriptorLimit
from hostler.daemon.base.memory import MemoryGroups
from hostler.daemon.base.reachable import exists, is_folder
from hostler.daemon.diagnosis.findings import Finding, ok, problem, warning
from hostler.daemon.watching.folders.mounts import Mounts
from hostler.rpc.address import MAX_SOCKET_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostler.daemon.base.settings import Settings

#: Bytes on the disk of the state folder below which runs soon cannot be recorded.
LITTLE_DISK, NO_DISK = 1_000_000_000, 50_000_000

#: The part of the tightest limit of memory that should be free.
LITTLE_MEMORY = 0.1

#: Folders that are counted at most: more than any workspace watches.
_MOST_FOLDERS = 200_000

#: Names of folders that nothing is watched in.
_NOT_WATCHED = frozenset({".git", "__pycache__", "node_modules", ".venv", "venv", ".tox"})

_INOTIFY = Path("/proc/sys/fs/inotify")
_ZONES = "/usr/share/zoneinfo"

#: Seconds that the file system's clock and ours may be apart.
_CLOCK_SLACK = 5.0

_Y2025 = 1_735_689_600


def check_socket(socket: Path) -> Finding:
    """Looks at the length of the socket's path, and at its folder."""
    check = "socket"
    size = len(os.fsencode(socket))
    if size > MAX_SOCKET_PATH:
        message = f"{socket} has {size} bytes, a socket's path holds {MAX_SOCKET_PATH}"
        return problem(check, message, "name a shorter one with --socket, or set XDG_RUNTIME_DIR")
    folder = _existing(socket.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"cannot make {socket}: user {os.getuid()} may not write in {folder}"
        return problem(
            check,
            message,
            f"name another with --socket, or let the user write there{_owner(folder)}",
        )
    return ok(check, f"{socket} has {size} of {MAX_SOCKET_PATH} bytes")


def check_folder(what: str, folder: Path) -> Finding:
    """Looks whether a folder of the daemon's can be written, and is closed to others."""
    check = "permissions"
    found = _existing(folder)
    if not os.access(found, os.W_OK | os.X_OK):
        message = f"cannot write the {what} folder {folder}: user {os.getuid()} may not in {found}"
        return problem(
            check, message, f"let the user write there, or name another folder{_owner(found)}"
        )
    if is_folder(folder) and folder.stat().st_mode & stat.S_IWOTH:
        message = f"anybody may write in the {what} folder {folder}"
        return warning(check, message, f"chmod o-w {folder}")
    return ok(check, f"the {what} folder {folder} can be written")


def check_disk(state: Path, settings: Settings, locations: int) -> Finding:
    """Looks at the room on the disk of the state folder."""
    return judge_disk(state, shutil.disk_usage(_existing(state)).free, settings, locations)


def judge_disk(state: Path, free: int, settings: Settings, locations: int) -> Finding:
    """Judges the room on the disk: the logs of the locations may grow to their limits."""
    check = "disk"
    most = settings.log_bytes * settings.log_files * locations
    message = f"{_size(free)} free on the disk of {state}"
    if free < NO_DISK:
        return problem(check, message, "make room: no run can be recorded without it")
    if free < LITTLE_DISK:
        return warning(check, message, "make room, or name another folder with --state")
    if most > free:
        remedy = "make room, or lower HOSTLER_LOG_BYTES or HOSTLER_LOG_FILES"
        return warning(check, f"{message}; logs may grow to {_size(most)}", remedy)
    return ok(check, message)


def check_descriptors(locations: int, runs: int) -> Finding:
    """Looks at the limit of open descriptors against what the workspace needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    shortage = DescriptorLimit(soft, hard).shortage(locations, runs)
    if shortage:
        what, _, remedy = shortage.partition("; ")
        return problem("descriptors", what, remedy)
    shown = "no limit" if hard == resource.RLIM_INFINITY else str(hard)
    return ok("descriptors", f"{shown} for {locations} locations and {runs} runs")


def check_inotify(roots: Iterable[str]) -> Iterator[Finding]:
    """Looks at inotify's limits against the folders of the projects."""
    roots = sorted(set(roots))
    mounts = Mounts()
    for root in roots:
        if mounts.is_remote(os.path.realpath(root)):
            message = f"{root} is on a file system of another machine: it is polled"
            remedy = "a save is seen after up to HOSTLER_POLL seconds; a local disk is faster"
            yield warning("inotify", message, remedy)
    limits = [_number(_INOTIFY / name) for name in ("max_user_watches", "max_user_instances")]
    if None in limits:
        remedy = "saves are found by polling; use a kernel with inotify"
        yield warning("inotify", "the kernel has no inotify", remedy)
        return
    yield from judge_inotify(limits[0] or 0, limits[1] or 0, count_folders(roots))


def judge_inotify(watches: int, instances: int, folders: int) -> Iterator[Finding]:
    """Judges inotify's limits; each folder takes a watch, and other programs want some."""
    if watches < 2 * folders:
        message = f"inotify has {watches} watches for a user, the projects have {folders} folders"
        remedy = f"sysctl fs.inotify.max_user_watches={max(524_288, 4 * folders)}"
        yield warning("inotify", f"{message}: some may be polled", remedy)
    elif instances < 16:
        remedy = "sysctl fs.inotify.max_user_instances=512"
        yield warning("inotify", f"inotify has {instances} instances for a user", remedy)
    else:
        yield ok("inotify", f"{watches} watches for {folders} folders")


def count_folders(roots: Iterable[str]) -> int:
    """Counts the folders below the projects, as far as they may be watched."""
    seen: set[str] = set()
    for root in roots:
        for folder, below, _ in os.walk(root):
            below[:] = [name for name in below if name not in _NOT_WATCHED]
            seen.add(folder)
            if len(seen) >= _MOST_FOLDERS:
                return len(seen)
    return len(seen)


def check_memory() -> Finding:
    """Looks at the memory of the control group that limits this process."""
    return judge_memory(MemoryGroups().headroom())


def judge_memory(headroom: float) -> Finding:
    """Judges which part of the tightest limit is free."""
    if headroom >= 1.0:
        return ok("memory", "no control group limits it")
    message = f"{headroom:.0%} of the control group's memory is free"
    if headroom < LITTLE_MEMORY:
        remedy = "raise the limit (MemoryMax=, docker --memory), or give locations limits: {memory}"
        return warning("memory", message, remedy)
    return ok("memory", message)


def check_clock(state: Path) -> Iterator[Finding]:
    """Looks whether the clock was set back, and whether there are time zones."""
    newest = 0.0
    with contextlib.suppress(OSError):
        newest = max((each.stat().st_mtime for each in state.iterdir()), default=0.0)
    yield judge_clock(time.time(), newest)
    zone = os.environ.get("TZ", "").lstrip(":")
    if zone and not zone.startswith("/"):
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            message = f"the time zone TZ={zone} is not known"
            yield problem("clock", message, "name one such as Europe/Berlin, or unset TZ")
            return
    if not Path(_ZONES).is_dir():
        message = f"there are no time zones in {_ZONES}: schedules in a zone cannot be asked"
        yield warning("clock", message, "install the package tzdata")


def judge_clock(now: float, newest: float) -> Finding:
    """Judges the clock by the newest file of the state folder."""
    remedy = "set the clock (timedatectl set-ntp true): schedules and retention go by it"
    if now < _Y2025:
        return problem("clock", f"the clock says {time.strftime('%Y', time.gmtime(now))}", remedy)
    if newest > now + _CLOCK_SLACK:
        ahead = f"{newest - now:.0f} s"
        message = f"the state folder has a file from {ahead} ahead: the clock was set back"
        return warning("clock", message, remedy)
    return ok("clock", time.strftime("it is %Y-%m-%d %H:%M UTC", time.gmtime(now)))


def _existing(folder: Path) -> Path:
    """Returns the folder, or the nearest one above it that exists."""
    while not exists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _owner(folder: Path) -> str:
    found = folder.stat()
    return f" (it is user {found.st_uid}'s, mode {stat.S_IMODE(found.st_mode):04o})"


def _number(path: Path) -> int | None:
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
