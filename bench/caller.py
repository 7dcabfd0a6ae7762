"""Calls two servers in turn: python -m bench.caller CALLS SOCKET SOCKET; prints the times."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from bench.calls import Call, read

ROUNDS = 16
#: On a busy machine there are fewer rounds: three phases of each kind in half a minute.
PHASE_SECONDS = 6.0
SEQUENTIAL = 150
CONCURRENT = 32
AT_ONCE = 640

#: Samples of each side, in the order of the sockets.
Sides = list[list[float]]


def latencies(call: Call, sockets: Sequence[str]) -> Sides:
    """Returns the median of each round's calls, one after the other, in microseconds."""
    channels = [grpc.insecure_channel(f"unix:{socket}") for socket in sockets]
    methods: list[Any] = [channel.unary_unary(call.path) for channel in channels]
    sides: Sides = [[] for _ in sockets]
    for number in _rounds():
        for side in _order(number, len(sockets)):
            median = statistics.median(_one(methods[side], call) for _ in range(SEQUENTIAL))
            if number >= 0:
                sides[side].append(median)
    for channel in channels:
        channel.close()
    return sides


def _one(method: Any, call: Call) -> float:
    began = time.perf_counter()
    answer = method(call.request)
    took = time.perf_counter() - began
    _check(answer, call)
    return took * 1e6


async def rates(call: Call, sockets: Sequence[str]) -> Sides:
    """Returns the calls per second of each round, several under way at a time."""
    channels = [grpc.aio.insecure_channel(f"unix:{socket}") for socket in sockets]
    methods: list[Any] = [channel.unary_unary(call.path) for channel in channels]
    sides: Sides = [[] for _ in sockets]
    for number in _rounds():
        for side in _order(number, len(sockets)):
            began = time.perf_counter()
            each = AT_ONCE // CONCURRENT
            await asyncio.gather(*(_several(methods[side], call, each) for _ in range(CONCURRENT)))
            if number >= 0:
                sides[side].append(AT_ONCE / (time.perf_counter() - began))
    for channel in channels:
        await channel.close()
    return sides


async def _several(method: Any, call: Call, count: int) -> None:
    for _ in range(count):
        _check(await method(call.request), call)


def _check(answer: bytes, call: Call) -> None:
    if answer != call.answer:
        raise RuntimeError(f"cannot measure {call.method}: the answers of the two sides differ")


def _rounds() -> Iterator[int]:
    """Yields the numbers of the rounds; round -1 does not count."""
    deadline = time.monotonic() + PHASE_SECONDS
    for number in range(-1, ROUNDS):
        if number < 3 or time.monotonic() < deadline:
            yield number


def _order(number: int, sides: int) -> Sequence[int]:
    return range(sides) if number % 2 else range(sides)[::-1]


def main(calls: Path, sockets: Sequence[str]) -> None:
    """Prints {method: {"latency": sides, "rate": sides}} as JSON."""
    asked = read(calls)
    found: dict[str, dict[str, Sides]] = {
        call.method: {"latency": latencies(call, sockets)} for call in asked
    }
    for call in asked:
        found[call.method]["rate"] = asyncio.run(rates(call, sockets))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
