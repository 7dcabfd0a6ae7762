"""A process that says more than the daemon reads: it waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from hostler.daemon.logs.pipes import PipeReader
from hostler.daemon.processes.channel import Channel
from hostler.host.wire import Frame, Kind, Method, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

DEADLINE = 20.0


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), DEADLINE))


async def turns(count: int = 20) -> None:
    """Lets the loop do its pending work."""
    for _ in range(count):
        await asyncio.sleep(0)


def items(request: int, count: int) -> bytes:
    return b"".join(
        Frame(Kind.ITEM, request, 0, str(number).encode()).encode() for number in range(count)
    )


def answer(request: int) -> bytes:
    return Frame(Kind.RESPONSE, request, Status.OK, b"{}").encode()


def test_a_paused_channel_hands_on_nothing_and_then_all_in_order() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        got: list[int] = []
        channel = Channel(asyncio.get_running_loop(), ours, lambda *_: None)

        def on_item(body: bytes) -> None:
            got.append(int(body))
            if len(got) in (3, 5):
                channel.pause()

        call = asyncio.ensure_future(channel.request(Method.RUN, on_item=on_item))
        await turns()
        theirs.sendall(items(1, 10) + answer(1))
        await turns()
        assert got == [0, 1, 2], "the rest of what was read waits"
        channel.resume()
        await turns()
        assert got == [0, 1, 2, 3, 4]
        assert not call.done()
        channel.resume()
        await call
        assert got == list(range(10))
        channel.close()
        theirs.close()

    run(scenario)


def test_a_paused_channel_makes_the_process_wait() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        got: list[int] = []
        channel = Channel(asyncio.get_running_loop(), ours, lambda *_: None)
        channel.pause()
        call = asyncio.ensure_future(
            channel.request(Method.RUN, on_item=lambda body: got.append(int(body)))
        )
        await turns()
        data = memoryview(items(1, 100_000) + answer(1))
        sent = 0
        try:
            while True:
                sent += theirs.send(data[sent:])
                await turns()
        except BlockingIOError:
            assert sent < len(data)
        assert got == []
        channel.resume()
        await asyncio.get_running_loop().sock_sendall(theirs, data[sent:])
        await call
        assert got == list(range(100_000))
        channel.close()
        theirs.close()

    run(scenario)


def test_what_a_dead_process_has_sent_is_taken_although_it_is_paused() -> None:
    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        got: list[int] = []
        channel = Channel(asyncio.get_running_loop(), ours, lambda *_: None)

        def on_item(body: bytes) -> None:
            got.append(int(body))
            channel.pause()

        call = asyncio.ensure_future(channel.request(Method.RUN, on_item=on_item))
        await turns()
        theirs.sendall(items(1, 5))
        await turns()
        theirs.sendall(items(1, 2) + answer(1))
        theirs.close()
        assert got == [0]
        channel.drain()
        assert got == [0, 1, 2, 3, 4, 0, 1]
        assert (await call).code == Status.OK
        channel.close()

    run(scenario)


def test_a_pipe_that_is_held() -> None:
    async def scenario() -> None:
        ours, theirs = os.pipe()
        got: list[str] = []

        def on_lines(lines: list[str]) -> None:
            got.extend(lines)
            if "2" in lines:
                reader.pause()

        reader = PipeReader(asyncio.get_running_loop(), ours, on_lines)
        os.write(theirs, b"1\n2\n3\n")
        await turns()
        assert got == ["1", "2", "3"]
        os.write(theirs, b"4\nrest")
        await turns()
        assert got == ["1", "2", "3"]
        reader.resume()
        await turns()
        assert got == ["1", "2", "3", "4"]
        reader.pause()
        os.write(theirs, b" of 5\n")
        await turns()
        reader.drain()
        assert got[-1] == "rest of 5", "a drain reads what is held as well"
        reader.resume()
        os.write(theirs, b"6\n")
        os.close(theirs)
        await turns()
        assert got[-1] == "6"
        reader.close()

    run(scenario)
