"""The daemon's end of the wire, against the location's own end on a real socket pair."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.processes.channel import (
    CanceledError,
    Channel,
    ChannelClosedError,
    RemoteError,
)
from hostler.host import wire
from hostler.host.connection import Connection
from hostler.host.wire import Event, Frame, Kind, Method, Status, WireClosedError, WireError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

DEADLINE = 20.0

#: More than a socket's buffers hold.
LARGE = b"x" * (4 << 20)


class Pair:
    """Holds a channel, and the end that a process would hold."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.events: list[tuple[int, object]] = []
        self.channel = Channel(
            asyncio.get_running_loop(), ours, lambda code, value: self.events.append((code, value))
        )
        self.process = Connection(theirs.detach())

    async def request(self, method: int = Method.PING, body: bytes = b"") -> asyncio.Task[Frame]:
        """Begins a request and returns its task."""
        task = asyncio.ensure_future(self.channel.request(method, body))
        await asyncio.sleep(0)
        return task


@asynccontextmanager
async def connected() -> AsyncIterator[Pair]:
    pair = Pair()
    try:
        async with asyncio.timeout(DEADLINE):
            yield pair
    finally:
        pair.channel.close()
        pair.process.close()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def run(scenario: Callable[[Pair], Awaitable[None]]) -> None:
    """Runs a scenario; asserts that it leaves no descriptor behind."""

    async def whole() -> None:
        before = open_descriptors()
        async with connected() as pair:
            await scenario(pair)
        assert open_descriptors() == before, "a descriptor was leaked"

    asyncio.run(whole())


def test_answers_find_their_requests_in_any_order() -> None:
    async def scenario(pair: Pair) -> None:
        tasks = [await pair.request(Method.CALL, str(n).encode()) for n in range(5)]
        requests = [pair.process.receive() for _ in tasks]
        assert len({request.id for request in requests}) == len(tasks)
        for request in reversed(requests):
            pair.process.respond(request, Status.OK, b"to " + request.body)
        answers = [(await task).body for task in tasks]
        assert answers == [b"to 0", b"to 1", b"to 2", b"to 3", b"to 4"]

    run(scenario)


def test_items_go_to_their_request_before_its_answer() -> None:
    async def scenario(pair: Pair) -> None:
        heard: list[bytes] = []
        streaming = asyncio.ensure_future(pair.channel.request(Method.RUN, on_item=heard.append))
        other = await pair.request()
        first, second = pair.process.receive(), pair.process.receive()
        for body in (b"1", b"2"):
            pair.process.send(Frame(Kind.ITEM, first.id, 0, body))
            pair.process.send(Frame(Kind.ITEM, second.id, 0, b"nobody asked"))
        pair.process.respond(second, Status.OK)
        pair.process.respond(first, Status.OK, b"end")
        assert (await streaming).body == b"end"
        await other
        assert heard == [b"1", b"2"]

    run(scenario)


def test_events_are_told() -> None:
    async def scenario(pair: Pair) -> None:
        pair.process.send_event(Event.HELLO, {"pid": 7})
        task = await pair.request()
        pair.process.respond(pair.process.receive(), Status.OK)
        await task
        assert pair.events == [(Event.HELLO, {"pid": 7})]

    run(scenario)


def test_each_status_is_an_error_of_its_own() -> None:
    async def scenario(pair: Pair) -> None:
        task = await pair.request()
        body = wire.dump({"message": "it raised", "kind": "IMPORT"})
        pair.process.respond(pair.process.receive(), Status.ERROR, body)
        with pytest.raises(RemoteError, match="it raised") as caught:
            await task
        assert caught.value.body["kind"] == "IMPORT"
        for status, error in ((Status.CANCELED, CanceledError), (Status.BAD_REQUEST, WireError)):
            task = await pair.request()
            pair.process.respond(pair.process.receive(), status, b"{}")
            with pytest.raises(error):
                await task

    run(scenario)


def test_a_request_that_has_not_begun_is_dropped_when_it_is_cancelled() -> None:
    async def scenario(pair: Pair) -> None:
        going_on, waiting = await pair.request(), await pair.request()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first = pair.process.receive()
        assert pair.process.is_wanted(first)
        pair.process.respond(first, Status.OK)
        second = pair.process.receive()
        assert not pair.process.is_wanted(second)
        pair.process.respond(second, Status.CANCELED, b"{}")  # no one listens any more
        await going_on
        third = await pair.request()
        cancel, request = pair.process.receive(), pair.process.receive()
        assert (cancel.kind, cancel.id) == (Kind.CANCEL, second.id)
        assert pair.process.is_wanted(request)
        pair.process.respond(request, Status.OK)
        await third

    run(scenario)


def test_a_request_is_dropped_after_its_deadline() -> None:
    async def scenario(pair: Pair) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await pair.channel.request(Method.PING, timeout=0.02)
        request = pair.process.receive()
        assert began * 1000 + 19 <= request.deadline <= time.monotonic() * 1000
        overdue = Frame(Kind.REQUEST, 99, deadline=request.deadline)
        assert not pair.process.is_wanted(overdue), "the cancellation of another tells nothing"
        assert not pair.process.is_wanted(request)
        assert pair.process.is_wanted(Frame(Kind.REQUEST, 99))

    run(scenario)


def test_open_requests_fail_when_the_process_goes_away() -> None:
    async def scenario(pair: Pair) -> None:
        tasks = [await pair.request(), await pair.request()]
        pair.process.close()
        for task in tasks:
            with pytest.raises(ChannelClosedError):
                await task
        assert pair.channel.closed
        with pytest.raises(ChannelClosedError, match="cannot send a request: the process is gone"):
            await pair.channel.request(Method.PING)

    run(scenario)


def test_open_requests_fail_with_the_reason_of_the_close() -> None:
    async def scenario(pair: Pair) -> None:
        task = await pair.request()
        pair.channel.close("it was too slow")
        pair.channel.close("twice")
        with pytest.raises(ChannelClosedError, match="cannot get an answer: it was too slow"):
            await task
        assert pair.process.receive().code == Method.PING
        with pytest.raises(WireClosedError):
            pair.process.receive()

    run(scenario)


@pytest.mark.parametrize(
    "garbage",
    [
        wire.HEAD.pack(wire.MAX_BODY + 1, 1, Kind.RESPONSE, 0, 0, 0),
        Frame(Kind.RESPONSE, 1, 0, fds=(1,)).encode(),
        Frame(Kind.EVENT, 0, Event.HELLO, b"no JSON").encode(),
    ],
)
def test_who_breaks_the_protocol_is_given_up(garbage: bytes) -> None:
    async def scenario(pair: Pair) -> None:
        task = await pair.request()
        pair.process._socket.sendall(garbage)
        with pytest.raises(ChannelClosedError, match="the process broke the protocol: "):
            await task

    run(scenario)


def test_it_is_idle_when_no_request_is_open() -> None:
    async def scenario(pair: Pair) -> None:
        await pair.channel.idle()
        first, second = await pair.request(), await pair.request()
        idle = asyncio.ensure_future(pair.channel.idle())
        pair.process.respond(pair.process.receive(), Status.OK)
        await first
        assert not idle.done()
        second.cancel()
        await idle

    run(scenario)


def test_large_frames_pass_both_ways_and_keep_their_order() -> None:
    async def scenario(pair: Pair) -> None:
        tasks = [await pair.request(Method.OVERLAY, LARGE) for _ in range(2)]
        tasks.append(await pair.request(Method.PING, b"small"))

        def echo() -> None:
            for _ in tasks:
                request = pair.process.receive()
                pair.process.respond(request, Status.OK, request.body)

        await asyncio.gather(asyncio.to_thread(echo), *tasks)
        assert [task.result().body for task in tasks] == [LARGE, LARGE, b"small"]

    run(scenario)


def test_a_body_that_no_frame_holds_is_refused_and_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(pair: Pair) -> None:
        monkeypatch.setattr(wire, "MAX_BODY", 10)
        readable, writable = os.pipe()
        os.close(readable)
        with pytest.raises(WireError, match="cannot send a body of 11 bytes"):
            await pair.channel.request(Method.FORK, b"01234567890", fds=(writable,))
        await pair.channel.idle()
        task = await pair.request()
        pair.process.respond(pair.process.receive(), Status.OK)
        await task

    run(scenario)


def test_descriptors_change_hands() -> None:
    async def scenario(pair: Pair) -> None:
        readable, writable = os.pipe()
        sending = asyncio.ensure_future(pair.channel.request(Method.FORK, fds=(writable,)))
        await asyncio.sleep(0)
        request = pair.process.receive()
        (received,) = request.fds
        os.write(received, b"through the wire")
        os.close(received)
        assert os.read(readable, 100) == b"through the wire"
        assert os.read(readable, 100) == b"", "the sender has kept its descriptor"
        os.close(readable)
        pair.process.respond(request, Status.OK)
        await sending

    run(scenario)


def test_descriptors_of_a_large_frame_are_sent_once() -> None:
    async def scenario(pair: Pair) -> None:
        readable, writable = os.pipe()
        sending = asyncio.ensure_future(pair.channel.request(Method.FORK, LARGE, fds=(writable,)))

        def answer() -> int:
            request = pair.process.receive()
            assert request.body == LARGE
            for descriptor in request.fds:
                os.close(descriptor)
            pair.process.respond(request, Status.OK)
            return len(request.fds)

        assert await asyncio.to_thread(answer) == 1
        await sending
        assert os.read(readable, 1) == b"", "a copy is still open"
        os.close(readable)

    run(scenario)


def test_descriptors_that_are_not_sent_are_closed() -> None:
    async def scenario(pair: Pair) -> None:
        filling = await pair.request(Method.OVERLAY, LARGE)
        readable, writable = os.pipe()
        waiting = asyncio.ensure_future(pair.channel.request(Method.FORK, fds=(writable,)))
        await asyncio.sleep(0)
        pair.channel.close()
        for task in (filling, waiting):
            with pytest.raises(ChannelClosedError):
                await task
        assert os.read(readable, 1) == b""
        os.close(readable)
        readable, writable = os.pipe()
        with pytest.raises(ChannelClosedError):
            await pair.channel.request(Method.FORK, fds=(writable,))
        assert os.read(readable, 1) == b""
        os.close(readable)

    run(scenario)


def test_a_question_is_answered_by_a_call() -> None:
    async def test() -> None:
        async with connected() as pair:
            answers: asyncio.Queue[Frame | None] = asyncio.Queue()
            number = pair.channel.ask(Method.PING, 5.0, answers.put_nowait)
            request = pair.process.receive()
            assert (request.code, request.id, request.body) == (Method.PING, number, b"")
            pair.process.respond(request, Status.OK)
            answer = await answers.get()
            assert answer is not None
            assert answer.code == Status.OK
            await pair.channel.idle()
            pair.channel.drop(number)  # has no effect any more

    asyncio.run(test())


def test_a_question_that_is_dropped_is_canceled_and_never_answered() -> None:
    async def test() -> None:
        async with connected() as pair:
            answers: list[Frame | None] = []
            number = pair.channel.ask(Method.PING, 5.0, answers.append)
            pair.channel.drop(number)
            request = pair.process.receive()
            assert pair.process.receive().kind == Kind.CANCEL
            pair.process.respond(request, Status.OK)
            other = await pair.request()
            pair.process.respond(pair.process.receive(), Status.OK)
            await other
            assert answers == []

    asyncio.run(test())


def test_a_question_learns_that_the_process_is_gone() -> None:
    async def test() -> None:
        async with connected() as pair:
            answers: asyncio.Queue[Frame | None] = asyncio.Queue()
            pair.channel.ask(Method.PING, 5.0, answers.put_nowait)
            pair.process.close()
            assert await answers.get() is None
            assert pair.channel.closed

    asyncio.run(test())
