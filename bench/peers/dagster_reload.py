"""Dagster's reload on request: dagster_reload.py SOCKET, of a `dagster code-server`.

Each line of stdin is the prefix that the jobs in the file now have. For each, the script asks for a
reload and prints the milliseconds until the repository has these jobs.
"""

from __future__ import annotations

import sys
import time

from dagster._core.remote_origin import (  # type: ignore[import-not-found]
    GrpcServerCodeLocationOrigin,
    RemoteRepositoryOrigin,
)
from dagster._grpc.client import DagsterGrpcClient  # type: ignore[import-not-found]

#: The time limit of one reload, in seconds.
TIMEOUT = 60


def main(socket: str) -> None:
    """Serves until stdin ends."""
    client = DagsterGrpcClient(socket=socket)
    place = GrpcServerCodeLocationOrigin("localhost", socket=socket)
    origin = RemoteRepositoryOrigin(place, "bench")
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            client.list_repositories()
        except Exception:  # it is not up yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            break
    for line in sys.stdin:
        began = time.perf_counter()
        client.reload_code(TIMEOUT)
        while line.strip() not in client.external_repository(origin, defer_snapshots=True):
            if time.perf_counter() - began > TIMEOUT:
                raise RuntimeError("cannot measure: the jobs are not those of the file")
        print((time.perf_counter() - began) * 1000, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
