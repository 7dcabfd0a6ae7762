"""Where to find a workspace's daemon: the paths that it and its clients agree on.

Standard library alone, and no import of grpc: the command line asks for these before anything else.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Bytes of a Unix socket's path: sun_path holds 108, the last one is the closing zero.
MAX_SOCKET_PATH = 107

#: Characters of a name that are a nuisance in a shell or a URI; a comma splits a gRPC address.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

#: Characters of a name in a state folder's name: a name of a file holds 255 bytes.
_MAX_NAME = 100

#: HOST:PORT, a port alone, or a URL; a path of a socket has a slash before any colon.
_ADDRESS = re.compile(r"[^/]*:\d+|\d+|(?!unix:)[a-z][a-z0-9+.-]*:/{1,2}.*", re.IGNORECASE)


def default_socket(workspace_files: Sequence[Path], environ: Mapping[str, str]) -> Path:
    """Returns the socket of the daemon that serves these workspace files.

    Args:
        workspace_files: in any order; the same files by another path (a link, a relative path)
            give the same socket.
        environ: XDG_RUNTIME_DIR names the folder, else TMPDIR.

    Returns:
        `<runtime directory>/<name>-<hash>.sock` of at most 107 bytes. The name is that of the
        folder of the first of them, sorted, cut where the path would be too long. Where not even
        the hash fits, the folder is /tmp/hostler-<uid>.

    Raises:
        ValueError: no workspace file is given.
    """
    name, digest = _workspace_key(workspace_files)
    folder = runtime_directory(environ)
    room = MAX_SOCKET_PATH - len(os.fsencode(folder / f"{digest}.sock"))
    if room < 0:
        folder = _temporary_directory("/tmp")  # noqa: S108 - the folder is made 0700 and checked
        room = MAX_SOCKET_PATH - len(os.fsencode(folder / f"{digest}.sock"))
    return folder / f"{_joined(name[: max(room - 1, 0)], digest)}.sock"


def check_socket_path(path: Path | str) -> None:
    """Refuses what names an address of a network, or a socket in the notation of another program.

    Raises:
        ValueError: the text is no path of a Unix socket; the message says what to give.
    """
    text = str(path)
    if _ADDRESS.fullmatch(text):
        raise ValueError(
            f"cannot use {text} as a socket: it is an address of a network, and hostler serves on "
            f"a Unix socket; give a path, as in --socket ./hostler.sock, and reach it from another "
            "machine with: ssh -L ./hostler.sock:/PATH/hostler.sock HOST"
        )
    if text.startswith("unix:"):
        rest = text.removeprefix("unix:")
        raise ValueError(
            f"cannot use {text} as a socket: give the path alone, "
            f"{re.sub('^//(?=/)', '', rest) or 'as in --socket ./hostler.sock'}"
        )


def runtime_directory(environ: Mapping[str, str]) -> Path:
    """Returns the sockets' folder.

    It is $XDG_RUNTIME_DIR/hostler, else hostler-<uid> in $TMPDIR or /tmp.
    """
    base = _absolute(environ, "XDG_RUNTIME_DIR")
    if base is not None:
        return base / "hostler"
    return _temporary_directory(str(_absolute(environ, "TMPDIR") or "/tmp"))  # noqa: S108 - as above


def state_directory(workspace_files: Sequence[Path], environ: Mapping[str, str]) -> Path:
    """Returns the folder of a workspace's state, whatever socket its daemon serves on.

    It is $HOSTLER_STATE where that is set, else $XDG_STATE_HOME/hostler/<name>-<hash>, with the
    name and the hash of the default socket.

    Raises:
        ValueError: no workspace file is given.
    """
    chosen = environ.get("HOSTLER_STATE")
    if chosen:
        return Path(chosen)
    name, digest = _workspace_key(workspace_files)
    return _state_root(environ) / _joined(name[:_MAX_NAME], digest)


def earlier_state_directory(socket_path: Path, environ: Mapping[str, str]) -> Path:
    """Returns where an earlier version kept the state: a folder named for the daemon's socket."""
    return _state_root(environ) / socket_path.stem


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Returns the folder of what can be made anew at any time: $XDG_CACHE_HOME/hostler."""
    return (_absolute(environ, "XDG_CACHE_HOME") or _home(environ) / ".cache") / "hostler"


def grpc_target(path: Path | str) -> str:
    """Returns the address of a socket as gRPC takes it, for a server and for a channel.

    gRPC reads the address as a URI: characters that mean something there are escaped.

    Raises:
        ValueError: the path has a comma, at which gRPC's resolver cuts even where it is escaped.
    """
    absolute = os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps the ".." parts
    if "," in absolute:
        raise ValueError(
            f"cannot use the socket {absolute}: gRPC splits an address at "
            "a comma; choose another path"
        )
    return "unix:" + urllib.parse.quote(os.fsencode(absolute), safe="/")


def _workspace_key(workspace_files: Sequence[Path]) -> tuple[str, str]:
    """Returns the name and the hash that workspace files have, in whatever order and spelling."""
    if not workspace_files:
        raise ValueError("cannot name a socket for no workspace file; give at least one")
    real_paths = sorted(os.path.realpath(path) for path in workspace_files)
    digest = hashlib.blake2b(b"\0".join(map(os.fsencode, real_paths)), digest_size=6).hexdigest()
    return _UNSAFE.sub("-", Path(real_paths[0]).parent.name).strip("-."), digest


def _joined(name: str, digest: str) -> str:
    return f"{name}-{digest}" if name else digest


def _state_root(environ: Mapping[str, str]) -> Path:
    base = _absolute(environ, "XDG_STATE_HOME") or _home(environ) / ".local" / "state"
    return base / "hostler"


def _temporary_directory(base: str) -> Path:
    return Path(base) / f"hostler-{os.getuid()}"


def _absolute(environ: Mapping[str, str], name: str) -> Path | None:
    """Returns a folder from the environment; None for a relative one, as the XDG spec asks."""
    value = environ.get(name, "")
    return Path(value) if value.startswith("/") else None


def _home(environ: Mapping[str, str]) -> Path:
    return _absolute(environ, "HOME") or Path.home()
