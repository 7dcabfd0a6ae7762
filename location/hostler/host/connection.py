"""The location's end of the wire: blocking, usable from any thread for sending."""

from __future__ import annotations

import array
import errno
import os
import socket
import sys
import threading

from hostler.definitions import _clock as clock
from hostler.host import interpreter, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

_CHUNK = 256 * 1024
#: Kept from before the user's code is imported: gevent replaces both, and its own wait for other
#: greenlets even where they are asked not to wait.
_Socket, _Lock = socket.socket, threading.Lock

_FDS_SPACE = socket.CMSG_SPACE(wire.MAX_FDS * array.array("i").itemsize)


class Connection:
    """Sends and receives frames on a stream socket, with descriptors.

    Attributes:
        descriptor: the socket's.
    """

    def __init__(self, descriptor: int) -> None:
        """
        Args:
            descriptor: a stream socket, which is closed: the wire gets a number out of the way.
        """
        self.descriptor = interpreter.move_up(descriptor)
        self._socket = _Socket(fileno=self.descriptor)
        # the user's code may have set a default timeout, and a fork's wire is made after that
        self._socket.settimeout(None)
        self._decoder = wire.Decoder()
        self._received: list[wire.Frame] = []
        self._sending = _Lock()
        self._pid = os.getpid()

    def receive(self) -> wire.Frame:
        """Returns the next frame; waits for it.

        Raises:
            WireClosedError: the daemon is gone.
        """
        while not self._received:
            self._read(0)
        return self._received.pop(0)

    def has_input(self) -> bool:
        """Returns whether the daemon has sent something that was not received yet, or is gone."""
        if self._received:
            return True
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True

    def is_wanted(self, request: wire.Frame) -> bool:
        """Returns whether somebody still waits for the answer to a request that has not begun.

        A process that was stopped, or busy, finds the cancellations behind the requests.
        """
        try:
            while True:
                self._read(socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        canceled = [f for f in self._received if f.kind == wire.Kind.CANCEL and f.id == request.id]
        overdue = request.deadline and clock.monotonic() * 1000 > request.deadline
        return not (canceled or overdue)

    def _read(self, flags: int) -> None:
        # 3.8 has no socket.recv_fds
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, _FDS_SPACE, flags)
        except OSError as error:
            raise self._lost_error(error) from None
        if not data:
            raise wire.WireClosedError("cannot go on: the daemon has closed the wire")
        self._received.extend(self._decoder.feed(data, _descriptors(ancillary)))

    @property
    def is_of_parent(self) -> bool:
        """Returns whether this is a child that the user's code has forked: it says nothing here."""
        return os.getpid() != self._pid

    def send(self, frame: wire.Frame) -> None:
        """Sends a frame whole; blocks while the daemon does not read."""
        if self.is_of_parent:
            interpreter.end_stray(sys.exc_info()[1])
        data = frame.encode()
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            raise self._lost_error(error) from None

    def respond(self, request: wire.Frame, status: int, body: bytes = b"") -> None:
        self.send(wire.Frame(wire.Kind.RESPONSE, request.id, status, body))

    def send_event(self, event: int, value: object) -> None:
        """Says something unasked."""
        self.send(wire.Frame(wire.Kind.EVENT, 0, event, wire.dump(value)))

    def _lost_error(self, error: OSError) -> Exception:
        if error.errno not in (errno.EBADF, errno.ENOTSOCK):
            return error
        return wire.WireLostError(
            f"cannot go on: descriptor {self.descriptor} was closed, through which the "
            "daemon speaks to this process; close only what your code has opened"
        )

    def close(self) -> None:
        self._socket.close()


def _descriptors(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)
