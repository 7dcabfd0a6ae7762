"""Writes the daemon's log to systemd's journal, with its values as fields.

The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) is a datagram of `FIELD=value` lines; a
value of several lines has its length before it. What is too large for a datagram is passed as a
sealed file in memory.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Where journald listens.
SOCKET = "/run/systemd/journal/socket"

#: syslog's numbers.
PRIORITIES = {"info": 6, "warning": 4, "error": 3}

#: Prefixes the fields of hostler's own, so that they are nobody else's: HOSTLER_LOCATION.
_PREFIX = "HOSTLER_"

#: journald takes capital letters, digits and underscores, 64 at most.
_NOT_OF_A_FIELD = re.compile(r"[^A-Z0-9_]")
_MAX_FIELD = 64

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def is_journal(stream: int, environ: Mapping[str, str]) -> bool:
    """Returns whether a descriptor is the journal's, as JOURNAL_STREAM names it.

    The variable is inherited by what redirects its output elsewhere, so that its being there says
    nothing.
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(stream)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


class JournaldSink:
    """Sends each event to journald: the message as text, its values as fields beside it."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def format(self, level: str, event: str, message: str, values: Mapping[str, object]) -> bytes:
        """Returns the entry of an event.

        Args:
            message: the event and its values, for people.
        """
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(PRIORITIES[level]),
            "SYSLOG_IDENTIFIER": "hostlerd",
            f"{_PREFIX}EVENT": event,
        }
        for key, value in values.items():
            # what happens to a location is told with its name
            key = "location" if (event, key) == ("location", "name") else key  # noqa: PLW2901 (only here)
            fields[_field(key)] = str(value)
        return b"".join(_assignment(name, text) for name, text in fields.items())

    def write(self, entries: Sequence[bytes]) -> None:
        """Sends entries; one that journald does not take is lost, as with any other service."""
        for entry in entries:
            with contextlib.suppress(OSError):
                self._send(entry)

    def close(self) -> None:
        """Closes the socket; what is written later is lost."""
        self._socket.close()

    def _send(self, entry: bytes) -> None:
        try:
            self._socket.sendto(entry, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_file(entry)

    def _send_file(self, entry: bytes) -> None:
        memory = os.memfd_create("hostler-journal", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        try:
            with open(memory, "wb", closefd=False) as file:
                file.write(entry)
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
            rights = struct.pack("i", memory)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
            self._socket.sendmsg([b""], ancillary, 0, self._path)
        finally:
            os.close(memory)


def _field(key: str) -> str:
    return (_PREFIX + _NOT_OF_A_FIELD.sub("_", key.upper()))[:_MAX_FIELD]


def _assignment(name: str, text: str) -> bytes:
    value = text.encode("utf-8", "backslashreplace")
    if b"\n" not in value:
        return b"%s=%s\n" % (name.encode(), value)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(value)), value)
