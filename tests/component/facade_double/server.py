"""A double of the daemon: the services of hostler.v1 in memory, on a Unix socket.

Each python_file of a workspace is one location; it is executed in this process. Its PIPELINES
maps a pipeline's name to the names of its steps. A step named "fail" fails, one named "block"
waits for a cancel, any other prints a line, logs one and gives an output. A file that raises is a
FAILED location; one with LOADING = True never ends its first load.

Run as a program it takes hostlerd's options, lifeline included.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import threading
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import yaml
from component.facade_double.services import RepositoryService, RunService, WorkspaceService
from component.facade_double.state import Facade

from hostler.rpc.address import grpc_target
from hostler.v1 import (
    repository_pb2_grpc,
    run_pb2_grpc,
    workspace_pb2_grpc,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def served(files: list[Path], path: Path) -> Iterator[Facade]:
    """Serves the double on a socket."""
    facade = Facade(files)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    workspace_pb2_grpc.add_WorkspaceServiceServicer_to_server(WorkspaceService(facade), server)
    repository_pb2_grpc.add_RepositoryServiceServicer_to_server(RepositoryService(facade), server)
    run_pb2_grpc.add_RunServiceServicer_to_server(RunService(facade), server)
    server.add_insecure_port(grpc_target(path))
    server.start()
    try:
        yield facade
    finally:
        facade.close()
        server.stop(None).wait()


def main() -> None:
    """Acts as hostlerd, as far as a client can tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-w", action="append", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--state")
    parser.add_argument("--log-format")
    parser.add_argument("--log-level")
    parser.add_argument("--lifeline", type=int, required=True)
    options = parser.parse_args()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with socket.socket(fileno=options.lifeline) as lifeline:

        def watch() -> None:
            lifeline.recv(1)
            ended.set()

        try:
            serving = served(options.w, options.socket)
            with serving:
                lifeline.sendall(b"ready\n")
                threading.Thread(target=watch, daemon=True).start()
                ended.wait()
        except (OSError, yaml.YAMLError, KeyError) as error:
            raise SystemExit(f"hostlerd: cannot read the workspace: {error}") from error


if __name__ == "__main__":
    main()
