"""One end of the pair between the daemon and the keeper: packets of JSON, with descriptors."""

from __future__ import annotations

import array
import json
import os
import socket
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Packet = dict[str, Any]

#: Larger than any packet; what is not bounded (argv, environment) travels in a memfd.
PACKET_SIZE = 16 * 1024

#: The body of an order, control, stdout, stderr.
MAX_FDS = 4

#: Packets that one `receive` takes at most, so that a flood cannot stall an event loop.
BATCH = 64

_ANCILLARY_SIZE = socket.CMSG_SPACE(MAX_FDS * array.array("i").itemsize)


class Link:
    """A SOCK_SEQPACKET socket that never blocks; what cannot be sent yet waits in an outbox."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._outbox: deque[tuple[bytes, Sequence[int]]] = deque()
        #: True once the peer has gone; then nothing comes any more and what is posted is dropped.
        self.closed = False

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def has_backlog(self) -> bool:
        """Returns whether packets wait until the socket is writable; then call `flush`."""
        return bool(self._outbox)

    def post(self, packet: Packet, fds: Sequence[int] = ()) -> None:
        """Sends a packet, now or with a later `flush`; the descriptors are closed once sent.

        Raises:
            OSError: the kernel refuses the packet.
        """
        self._outbox.append((json.dumps(packet, separators=(",", ":")).encode(), fds))
        self.flush()

    def flush(self) -> None:
        """Sends as much as the socket takes.

        Raises:
            OSError: the kernel refuses a packet, which is dropped.
        """
        while self._outbox:
            data, fds = self._outbox[0]
            if not self.closed:
                try:
                    self._send(data, fds)
                except BlockingIOError:
                    return
                except ConnectionError:
                    self.closed = True
                except OSError:
                    self._drop_first()
                    raise
            self._drop_first()

    def receive(self) -> Iterator[tuple[Packet, list[int]]]:
        """Yields the packets that have arrived, with their descriptors; sets `closed` at the end.

        A packet whose descriptors did not all fit the process's limit comes with none.
        """
        for _ in range(BATCH):
            try:
                data, ancillary, flags, _ = self._socket.recvmsg(
                    PACKET_SIZE, _ANCILLARY_SIZE, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except ConnectionError:
                data, ancillary, flags = b"", [], 0
            if not data:
                self.closed = True
                return
            fds = array.array("i")
            for _level, _type, content in ancillary:
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
            if flags & socket.MSG_CTRUNC:
                close_all(fds)
                fds = array.array("i")
            yield json.loads(data), list(fds)

    def close(self) -> None:
        """Closes the socket and the descriptors that were not sent."""
        self.closed = True
        while self._outbox:
            self._drop_first()
        self._socket.close()

    def _send(self, data: bytes, fds: Sequence[int]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self._socket.sendmsg([data], rights)

    def _drop_first(self) -> None:
        close_all(self._outbox.popleft()[1])


def close_all(fds: Sequence[int]) -> None:
    """Closes descriptors."""
    for fd in fds:
        os.close(fd)
