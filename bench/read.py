"""Reading definitions through the facade, compared with a bare server with the same bytes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

from bench.caller import CONCURRENT, Sides
from bench.calls import SERVICE, Call, write
from bench.daemon import PATIENCE, all_ready, hostlerd, workspace
from bench.figures import Figure, Report, ratio
from bench.projects import source
from hostler.client import Client
from hostler.v1 import repository_pb2

LIMIT = 1.15
ROOT = Path(__file__).parent.parent
_PARENT = "locations/location.py/repositories/bench"
_REQUESTS = {
    "GetPipeline": repository_pb2.GetPipelineRequest(name=f"{_PARENT}/pipelines/pipeline_7"),
    "GetRepository": repository_pb2.GetRepositoryRequest(name=_PARENT),
    "ListPipelines": repository_pb2.ListPipelinesRequest(parent=_PARENT),
}


def run() -> Report:
    """Measures three calls about a repository of twenty pipelines."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as name:
        folder = Path(name)
        of = workspace(folder, {"location.py": source(20)})
        kept = folder / "calls.json"
        bare = folder / "run" / "bare.sock"
        with hostlerd(of):
            with Client(of.socket) as client:
                all_ready(client, of)
            calls = _calls(of.socket)
            write(kept, calls)
            with _bare_server(bare, kept):
                asked = [sys.executable, "-m", "bench.caller", str(kept), str(of.socket), str(bare)]
                done = subprocess.run(asked, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    figures = [each for call in calls for each in _compared(call, found[call.method])]
    title = f"the facade, against a bare grpc.aio server; rates with {CONCURRENT} calls at a time"
    return Report("read", title, tuple(figures))


def _calls(socket: Path) -> list[Call]:
    """Returns the calls, with the bytes that the facade answers."""
    calls = []
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        for method, request in _REQUESTS.items():
            asked = request.SerializeToString()
            call: Any = channel.unary_unary(f"/{SERVICE}/{method}")
            calls.append(Call(method, asked, call(asked)))
    return calls


@contextlib.contextmanager
def _bare_server(socket: Path, calls: Path) -> Iterator[None]:
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.bare", str(socket), str(calls)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        if server.stdout.readline() != b"ready\n":
            raise RuntimeError("cannot start the bare server; see its error above")
        try:
            yield
        finally:
            server.stdin.close()
            server.wait(PATIENCE)


def _compared(call: Call, found: dict[str, Sides]) -> Iterator[Figure]:
    what = f"{call.method} ({len(call.answer)} bytes)"
    facade, bare = _figures(f"{what}, p50", "us", found["latency"])
    yield from (facade, bare, ratio("  facade / bare", facade, bare, LIMIT))
    facade, bare = _figures(f"{call.method}, rate", "calls/s", found["rate"])
    yield from (facade, bare, ratio("  bare / facade", bare, facade, LIMIT))


def _figures(what: str, unit: str, sides: Sides) -> tuple[Figure, Figure]:
    facade, bare = map(tuple, sides)
    more = unit == "calls/s"
    return (
        Figure(f"{what}: facade", unit, facade, more_is_better=more),
        Figure(f"{what}: bare server", unit, bare, more_is_better=more),
    )
