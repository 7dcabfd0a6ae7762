"""The calls of the read bench, as bytes, so that the caller spends no time on messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SERVICE = "hostler.v1.RepositoryService"

#: The daemon's own limit; see hostler.daemon.facade.facade.
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 100_000_000),
    ("grpc.max_send_message_length", 100_000_000),
)


@dataclass(frozen=True, slots=True)
class Call:
    """Holds one call and its answer."""

    method: str
    request: bytes
    answer: bytes

    @property
    def path(self) -> str:
        return f"/{SERVICE}/{self.method}"


def write(path: Path, calls: list[Call]) -> None:
    """Writes the calls to a file, for another process."""
    rows = [[call.method, call.request.hex(), call.answer.hex()] for call in calls]
    path.write_text(json.dumps(rows))


def read(path: Path) -> list[Call]:
    """Reads the calls that `write` has written."""
    rows = json.loads(path.read_text())
    return [Call(method, bytes.fromhex(a), bytes.fromhex(b)) for method, a, b in rows]
