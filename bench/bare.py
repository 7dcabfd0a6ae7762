"""A bare grpc.aio server that answers with bytes from memory: python -m bench.bare SOCKET CALLS.

It says "ready" on stdout and serves until its stdin ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc

from bench.calls import OPTIONS, SERVICE, Call, read


def _handler(call: Call) -> grpc.RpcMethodHandler[Any, Any]:
    answer = call.answer

    async def answered(_request: bytes, _context: object) -> bytes:
        return answer

    return grpc.unary_unary_rpc_method_handler(answered)


async def serve(socket: str, calls: list[Call]) -> None:
    """Serves until stdin ends."""
    server = grpc.aio.server(options=OPTIONS)
    handlers = {call.method: _handler(call) for call in calls}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    print("ready", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], read(Path(sys.argv[2]))))
