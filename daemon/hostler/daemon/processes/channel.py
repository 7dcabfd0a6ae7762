"""The daemon's end of the wire: sends many requests at once over one socket, on the event loop."""

import asyncio
import itertools
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

from hostler.host.wire import Decoder, Frame, Kind, Status, WireError

_CHUNK = 256 * 1024

#: Shared by all channels, which read on the loop: what `recv` allocates for each read costs the
#: kernel more than the read of a small frame.
_READ_BUFFER = memoryview(bytearray(_CHUNK))


class ChannelClosedError(Exception):
    """The process at the other end is gone, or the daemon has closed the wire."""


class RemoteError(Exception):
    """The request was answered with an error of the user's code or of the process.

    Attributes:
        body: the answer, decoded from JSON.
    """

    def __init__(self, body: dict[str, object]) -> None:
        super().__init__(str(body.get("message", "the process reports an error")))
        self.body = body


class CanceledError(Exception):
    """The process ended the request because the daemon had cancelled it."""


class Channel:
    """Exchanges frames with one process of a location.

    Takes over the socket and closes it. Never blocks the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_event: Callable[[int, object], None],
    ) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._socket = sock
        self._on_event = on_event
        self._decoder = Decoder()
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Frame]] = {}
        self._items: dict[int, Callable[[bytes], None]] = {}
        self._asked: dict[int, Callable[[Frame | None], None]] = {}
        self._unsent: deque[tuple[memoryview, Sequence[int]]] = deque()
        self._received: deque[Frame] = deque()
        self._is_paused = False
        self._is_writing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.closed = False
        loop.add_reader(sock, self._on_readable)

    async def request(
        self,
        method: int,
        body: bytes = b"",
        *,
        fds: Sequence[int] = (),
        timeout: float | None = None,  # noqa: ASYNC109 (it travels with the request)
        on_item: Callable[[bytes], None] | None = None,
    ) -> Frame:
        """Sends a request and awaits its answer; cancels the request when it is itself cancelled.

        Closes the descriptors once they are sent: they belong to the process then.

        Args:
            timeout: seconds; the process drops a request that it has not begun by then.
            on_item: called with each item that the process sends before its answer.

        Raises:
            TimeoutError: the timeout has passed.
            ChannelClosedError: the process went away before it answered.
            RemoteError: it answered with an error.
            CanceledError: it has ended the request, which was cancelled.
            WireError: the body is too large, or the process does not know the method.
        """
        if self.closed:
            _close_all(fds)
            raise ChannelClosedError("cannot send a request: the process is gone")
        id_ = next(self._ids)
        answer: asyncio.Future[Frame] = self._loop.create_future()
        self._answers[id_] = answer
        self._idle.clear()
        if on_item is not None:
            self._items[id_] = on_item
        deadline = int((self._loop.time() + timeout) * 1000) if timeout else 0
        try:
            self._send(Frame(Kind.REQUEST, id_, method, body, deadline, fds))
            async with asyncio.timeout(timeout):
                frame = await answer
        except (asyncio.CancelledError, TimeoutError):
            if not self.closed:
                self._send(Frame(Kind.CANCEL, id_))
            raise
        finally:
            self._answers.pop(id_, None)
            if not self._answers:
                self._idle.set()
            self._items.pop(id_, None)
            del answer  # its error holds this frame
        if frame.code == Status.ERROR:
            raise RemoteError(frame.json())
        if frame.code == Status.CANCELED:
            raise CanceledError
        if frame.code != Status.OK:
            raise WireError(f"the process refused method {method}: {frame.body!r}")
        return frame

    def ask(self, method: int, timeout: float, on_answer: Callable[[Frame | None], None]) -> int:
        """Sends a request without a body, at less than half of the cost of `request`.

        Args:
            timeout: seconds; the process drops a request that it has not begun by then.
            on_answer: called with the answer whatever its status, and with None where the channel
                is closed before; not called after `drop`.

        Returns:
            The request's number, for `drop`.
        """
        id_ = next(self._ids)
        self._asked[id_] = on_answer
        deadline = int((self._loop.time() + timeout) * 1000)
        self._send(Frame(Kind.REQUEST, id_, method, b"", deadline))
        return id_

    def drop(self, id_: int) -> None:
        """Gives up on an answer of `ask`; does nothing where it has come."""
        if self._asked.pop(id_, None) is not None and not self.closed:
            self._send(Frame(Kind.CANCEL, id_))

    async def idle(self) -> None:
        """Returns when no request is open."""
        await self._idle.wait()

    def pause(self) -> None:
        """Stops reading until `resume`: the process waits once the socket is full."""
        if not self._is_paused and not self.closed:
            self._is_paused = True
            self._loop.remove_reader(self._socket)

    def resume(self) -> None:
        """Reads again after `pause`; delivers first the frames that were read already."""
        if self._is_paused and not self.closed:
            self._is_paused = False
            self._loop.add_reader(self._socket, self._on_readable)
            self._dispatch_received()

    def drain(self) -> None:
        """Reads and delivers all that a dead process has sent, even while paused."""
        self._dispatch_received(all_of_it=True)
        while not self.closed and self._fill():
            self._dispatch_received(all_of_it=True)

    def close(self, reason: str = "the process was given up") -> None:
        """Closes the socket, by which the process ends; fails the open requests."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for _, fds in self._unsent:
            _close_all(fds)
        self._unsent.clear()
        self._on_event = _ignore  # the listener refers to this channel: no cycle must stay
        asked, self._asked = self._asked, {}
        for on_answer in asked.values():
            on_answer(None)
        for answer in list(self._answers.values()):
            if not answer.done():
                answer.set_exception(ChannelClosedError(f"cannot get an answer: {reason}"))

    def _on_readable(self) -> None:
        self._fill()
        self._dispatch_received()

    def _fill(self) -> int:
        """Reads once; returns how many bytes came."""
        try:
            count = self._socket.recv_into(_READ_BUFFER)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self.close(f"the process's socket failed: {error}")
            return 0
        if not count:
            self.close("the process has ended")
            return 0
        try:
            self._received.extend(self._decoder.feed(bytes(_READ_BUFFER[:count])))
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the bytes)
            self.close(f"the process broke the protocol: {error!r}")
        return count

    def _dispatch_received(self, *, all_of_it: bool = False) -> None:
        try:
            while self._received and (all_of_it or not self._is_paused) and not self.closed:
                self._dispatch(self._received.popleft())
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the frame)
            self.close(f"the process broke the protocol: {error!r}")

    def _dispatch(self, frame: Frame) -> None:
        if frame.kind == Kind.RESPONSE:
            answer = self._answers.get(frame.id)
            if answer is None:
                on_answer = self._asked.pop(frame.id, None)
                if on_answer is not None:
                    on_answer(frame)
            elif not answer.done():
                answer.set_result(frame)
        elif frame.kind == Kind.ITEM:
            on_item = self._items.get(frame.id)
            if on_item is not None:
                on_item(frame.body)
        elif frame.kind == Kind.EVENT:
            self._on_event(frame.code, frame.json())

    def _send(self, frame: Frame) -> None:
        try:
            data = memoryview(frame.encode())
        except WireError:
            _close_all(frame.fds)
            raise
        self._unsent.append((data, frame.fds))
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._unsent:
            data, fds = self._unsent[0]
            try:
                if fds:
                    sent = socket.send_fds(self._socket, [data], list(fds))
                    _close_all(fds)
                    fds = ()
                else:
                    sent = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                self._is_writing = True
                self._loop.add_writer(self._socket, self._flush)
                return
            except OSError as error:
                self.close(f"the process's socket failed: {error}")
                return
            if sent < len(data):
                self._unsent[0] = (data[sent:], fds)
            else:
                self._unsent.popleft()
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._socket)


def _ignore(event: int, value: object) -> None:
    """Replaces the listener of a closed channel."""


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
