"""The facade's Unix socket: its folder, its lock, and the removal of a dead daemon's socket."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import socket
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.rpc.address import MAX_SOCKET_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# pid, uid and gid of a peer, as SO_PEERCRED gives them.
_PEER_CREDENTIALS = struct.Struct("3i")


class SocketError(Exception):
    """The socket cannot be claimed; the message says why and what to do."""


class SocketBusyError(SocketError):
    """Another process has the socket."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"process {pid} has" if pid else "another process has"
        super().__init__(
            f"cannot serve on {path}: {holder} it; stop that daemon or name "
            "another socket with --socket"
        )
        self.path = path
        #: The holder, where it is known.
        self.pid = pid


@dataclass(frozen=True, slots=True)
class SocketAccess:
    """Says who may use a socket.

    Attributes:
        group: a name, or a number in digits; empty for the daemon's own.
        mode: of the socket.
    """

    group: str = ""
    mode: int = 0o600

    def apply(self, path: Path) -> None:
        """Gives the group and the mode to a socket.

        Raises:
            SocketError: there is no such group, or the daemon's user may not give it away.
        """
        if self.group:
            try:
                # the number first: what is open for a group must not be open for another one
                os.chown(path, -1, self._group_id())
            except KeyError:
                raise SocketError(
                    f"cannot give {path} to the group {self.group!r}: there is no such group; "
                    "make it (groupadd), or name another in HOSTLER_SOCKET_GROUP or "
                    "HOSTLER_READ_SOCKET_GROUP"
                ) from None
            except PermissionError:
                user = os.getuid()
                raise SocketError(
                    f"cannot give {path} to the group {self.group!r}: user {user} is no member of "
                    "it; add the user to it (usermod -aG), and start the daemon in a new session"
                ) from None
        path.chmod(self.mode)

    def _group_id(self) -> int:
        return int(self.group) if self.group.isdecimal() else grp.getgrnam(self.group).gr_gid


class SocketClaim:
    """The right to bind a socket path, kept until `release`. Made by `claim_socket`."""

    def __init__(self, path: Path, lock: int, access: SocketAccess) -> None:
        self.path = path
        self._lock = lock
        self._access = access
        self._bound: tuple[int, int] | None = None

    @contextlib.contextmanager
    def binding(self) -> Iterator[None]:
        """Surrounds the call that binds (grpc's `add_insecure_port`), and sets who may use it.

        The umask makes the socket 0600 from its first moment on, whatever the mode of its folder.
        It holds for the whole process, so keep the block short. `release` removes only the socket
        that was bound here.

        Raises:
            SocketError: the socket cannot be given to the group.
        """
        before = os.umask(0o177)
        try:
            yield
        finally:
            os.umask(before)
        with contextlib.suppress(FileNotFoundError):
            self._bound = _identity(self.path)
            self._access.apply(self.path)

    def release(self) -> None:
        """Removes the lock, and the socket if it is still the one that was bound."""
        if self._lock < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            if self._bound is not None and _identity(self.path) == self._bound:
                self.path.unlink()
        # Removed while we hold it: a daemon that opened it meanwhile sees that the file is gone.
        with contextlib.suppress(FileNotFoundError):
            _lock_path(self.path).unlink()
        os.close(self._lock)
        self._lock = -1


def claim_socket(
    path: Path, *, chosen: bool = False, access: SocketAccess | None = None
) -> SocketClaim:
    """Locks `path` and removes the socket of a dead daemon, so that it can be bound.

    Args:
        path: absolute.
        access: who may use the socket; only its owner where it is not given.
        chosen: the user named the path: its folder keeps the mode that it has and has only to be
            writable. Otherwise the folder belongs to this user alone, 0700.

    Raises:
        SocketBusyError: another process has the path.
        SocketError: the path is too long, its folder is not usable, or a file is in the way.
    """
    size = len(os.fsencode(path))
    if size > MAX_SOCKET_PATH:
        raise SocketError(
            f"cannot serve on {path}: the path has {size} bytes, a Unix socket's holds "
            f"{MAX_SOCKET_PATH}; name a shorter one with --socket"
        )
    try:
        _prepare_folder(path.parent, chosen=chosen)
        lock = _acquire_lock(path)
    except OSError as error:
        raise SocketError(f"cannot serve on {path}: {error}; name another with --socket") from error
    claim = SocketClaim(path, lock, access or SocketAccess())
    try:
        _remove_dead_socket(path)
    except BaseException:
        claim.release()
        raise
    return claim


def _prepare_folder(folder: Path, *, chosen: bool) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if chosen:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SocketError(
                f"cannot serve in {folder}: no permission to write there; name another --socket"
            )
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SocketError(
            f"cannot serve in {folder}: it is not a folder of user {os.getuid()} (but a link, or "
            f"user {found.st_uid}'s); remove it or set XDG_RUNTIME_DIR"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _acquire_lock(path: Path) -> int:
    lock_path = _lock_path(path)
    while True:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A daemon that ended removed its lock between our open and our flock.
            if _is_at(lock, lock_path):
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
                return lock
        except BlockingIOError:
            raise SocketBusyError(path, _holder(lock)) from None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _holder(lock: int) -> int | None:
    """Returns the pid that is written in the lock, and closes the lock."""
    try:
        text = os.pread(lock, 32, 0).strip()
    finally:
        os.close(lock)
    return int(text) if text.isdigit() else None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return _identity(path) == _identity(descriptor)
    except FileNotFoundError:
        return False


def _remove_dead_socket(path: Path) -> None:
    """Removes a socket that no process serves; the caller holds the lock.

    Raises:
        SocketBusyError: a program that knows nothing of the lock serves there.
        SocketError: what is there is not a socket.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketError(
            f"cannot serve on {path}: a file that is not a socket is there; remove it or name "
            "another with --socket"
        )
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # a full backlog gives EAGAIN: a server is there
        code = probe.connect_ex(str(path))
        if code == 0:
            credentials = probe.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size
            )
            raise SocketBusyError(path, _PEER_CREDENTIALS.unpack(credentials)[0])
        if code == errno.EAGAIN:
            raise SocketBusyError(path, None)
    path.unlink()


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _identity(target: Path | int) -> tuple[int, int]:
    found = os.fstat(target) if isinstance(target, int) else target.lstat()
    return found.st_dev, found.st_ino
