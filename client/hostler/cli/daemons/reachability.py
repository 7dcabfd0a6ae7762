"""Whether a daemon can be reached on a socket, and if not, why and what to do."""

from __future__ import annotations

import contextlib
import enum
import os
import pwd
import socket as sockets
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds until a program that accepts a connection has to greet: gRPC does so in a millisecond, in
#: a thread of its own, so only a stopped or a starved daemon takes this long.
GREETING_TIMEOUT = 10.0

#: What a client of HTTP/2 begins with, and an empty SETTINGS frame.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))

#: The head of a frame: 3 bytes of length, type, flags, 4 bytes of stream.
_HEAD = 9

_SETTINGS = 4

#: pid, uid and gid of a peer, as SO_PEERCRED gives them.
_PEER_CREDENTIALS = struct.Struct("3i")

_MAX_CMDLINE = 65536

#: Words of a command line that may name the program: the interpreter and its options come first.
_FIRST_WORDS = 6


class Reach(enum.Enum):
    """What is found on a socket's path."""

    SERVES = enum.auto()
    #: A daemon has claimed the path and does not serve yet.
    STARTING = enum.auto()
    NO_SOCKET = enum.auto()
    #: A socket that nobody listens on: its daemon was killed.
    ABANDONED = enum.auto()
    #: A file that is no socket.
    NO_SOCKET_FILE = enum.auto()
    DENIED = enum.auto()
    OTHER_PROTOCOL = enum.auto()
    SILENT = enum.auto()
    #: The path cannot be one of a socket.
    UNUSABLE = enum.auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """Holds what was found on a socket's path.

    Attributes:
        reach: what it is.
        why: a part of a sentence; empty where a daemon serves.
        remedy: what to do; empty where the target's own hint says it.
        pid: of the process that has the socket; 0 where that is not known.
    """

    reach: Reach
    why: str = ""
    remedy: str = ""
    pid: int = 0


def probe(socket: Path, timeout: float | None = None) -> Finding:
    """Connects to a socket and waits for the greeting of HTTP/2, which gRPC sends at once.

    Args:
        socket: its path.
        timeout: seconds; GREETING_TIMEOUT where none is given.
    """
    timeout = GREETING_TIMEOUT if timeout is None else timeout
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(socket))
        except FileNotFoundError:
            return _absent(socket, Reach.NO_SOCKET, "there is no socket")
        except ConnectionRefusedError:
            return _refused(socket)
        except PermissionError:
            return _denied(socket)
        except (TimeoutError, BlockingIOError):  # its queue of connections is full
            return _silent(0, timeout)
        except OSError as error:
            return Finding(Reach.UNUSABLE, str(error), "name another socket with --socket")
        pid = _peer(connection)
        try:
            connection.sendall(_PREFACE)
            head = _receive(connection, _HEAD)
        except TimeoutError:
            return _silent(pid, timeout)
        except OSError:
            head = b""
    if len(head) == _HEAD and head[3] == _SETTINGS:
        return Finding(Reach.SERVES, pid=pid)
    says = f"answers {head!r}" if head else "closes the connection"
    return Finding(
        Reach.OTHER_PROTOCOL,
        f"{_process(pid)} listens there, which is no daemon of hostler: it {says}",
        "name another socket with --socket",
        pid,
    )


def starting_daemon(socket: Path) -> int:
    """Returns the pid of the daemon that has claimed a socket's path; 0 where none has."""
    return _holder(socket.with_name(socket.name + ".lock"))


def daemon_of_state(folder: Path) -> tuple[int, str] | None:
    """Returns the pid and the socket of the daemon that uses a state folder; None for none."""
    pid = _holder(folder / "runs.lock")
    words = _command_line(pid)
    if not pid or "--socket" not in words[:-1]:
        return None
    return pid, words[words.index("--socket") + 1]


def is_daemon(pid: int) -> bool:
    """Returns whether a process is a daemon of hostler: the console script, or its module."""
    return any(
        word == "hostler.daemon.main" or Path(word).name == "hostlerd"
        for word in _command_line(pid)[:_FIRST_WORDS]
    )


def _absent(socket: Path, reach: Reach, why: str) -> Finding:
    pid = starting_daemon(socket)
    if not pid:
        return Finding(reach, why)
    return Finding(
        Reach.STARTING,
        f"the one with pid {pid} is starting, or ending",
        f"wait for it with: hostler wait; where that does not help, its socket was removed: end it "
        f"with kill {pid}, and start it anew",
        pid,
    )


def _refused(socket: Path) -> Finding:
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(socket.stat().st_mode):
            return Finding(
                Reach.NO_SOCKET_FILE,
                "that is a file, and no socket",
                "name the daemon's socket with --socket",
            )
    return _absent(socket, Reach.ABANDONED, "nobody listens on it, since its daemon was killed")


def _denied(socket: Path) -> Finding:
    found, what = socket, "the socket"
    for part in (*reversed(socket.absolute().parents), socket.absolute()):
        try:
            part.lstat()
        except OSError:
            break
        found = part
    if found != socket.absolute():
        what = f"the folder {found}"
    try:
        info = found.lstat()
    except OSError:
        return Finding(Reach.DENIED, "permission denied", "run this as the daemon's user")
    owner = _user(info.st_uid)
    return Finding(
        Reach.DENIED,
        f"permission denied: {what} is {owner}'s, with mode {stat.S_IMODE(info.st_mode):04o}",
        f"run this as {owner}, or have the daemon serve on a socket that you may open",
    )


def _silent(pid: int, timeout: float) -> Finding:
    remedy = f"see what it does: ps -fp {pid}" if pid else "look whether its processes are stopped"
    return Finding(
        Reach.SILENT,
        f"{_process(pid)} listens there and has not answered for {timeout:g} s",
        f"{remedy}; a daemon that hangs ends with: hostler down --kill",
        pid,
    )


def _receive(connection: sockets.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            break
        received += part
    return received


def _peer(connection: sockets.socket) -> int:
    raw = connection.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, _PEER_CREDENTIALS.size)
    pid: int = _PEER_CREDENTIALS.unpack(raw)[0]
    return pid


def _process(pid: int) -> str:
    for line in _lines(Path(f"/proc/{pid}/comm")):
        return f"process {pid} ({line})"
    return f"process {pid}" if pid else "a process"


def _lines(path: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from path.read_text(errors="replace").splitlines()


def _holder(lock: Path) -> int:
    """Returns the pid in a lock file, where a daemon of hostler has it; 0 otherwise.

    The lock is not tried: a daemon that starts at that moment would find it taken.
    """
    for line in _lines(lock):
        if line.strip().isdecimal():
            pid = int(line)
            return pid if is_daemon(pid) else 0
    return 0


def _command_line(pid: int) -> list[str]:
    try:
        with Path(f"/proc/{pid}/cmdline").open("rb") as file:
            return [os.fsdecode(word) for word in file.read(_MAX_CMDLINE).split(b"\0")]
    except OSError:
        return []


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
