"""Reads from Dagster's servers: dagster_reads.py COUNT SOCKET...; then prints "ready"."""

from __future__ import annotations

import sys
import time

from dagster._grpc.client import DagsterGrpcClient  # type: ignore[import-not-found]

#: Seconds until a server must answer.
PATIENCE = 120.0


def main(count: int, sockets: list[str]) -> None:
    """Asks each server for its repositories so often."""
    deadline = time.monotonic() + PATIENCE
    for socket in sockets:
        client = DagsterGrpcClient(socket=socket)
        while True:
            try:
                client.list_repositories()
            except Exception:  # it is not up yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                break
        for _ in range(count - 1):
            client.list_repositories()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
