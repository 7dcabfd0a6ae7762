"""The client: one object for all services of a daemon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hostler.client.backfill import BackfillCalls
from hostler.client.execution import ExecutionCalls
from hostler.client.schedule import ScheduleCalls
from hostler.client.workspace import WorkspaceCalls
from hostler.rpc.address import default_socket

if TYPE_CHECKING:
    from types import TracebackType

#: Seconds for a call that names no timeout of its own; the daemon's own default.
TIMEOUT = 60.0


class Client(WorkspaceCalls, ScheduleCalls, BackfillCalls, ExecutionCalls):
    """Calls the daemon on a Unix socket; usable from several threads.

    The first call connects, and the client reconnects to a daemon that was restarted.

    Args:
        socket: the daemon's socket. Where none is given, HOSTLER_SOCKET in the environment names
            it; otherwise it is the default one for ./workspace.yaml.
        timeout: seconds for a call; None waits for ever. Streams have no timeout.

    Every call raises:
        UnreachableError: no daemon answers on the socket.
        DeadlineError: no answer within the timeout.
        HostlerError: another one of `hostler.client.errors`.
    """

    def __init__(self, socket: str | Path | None = None, timeout: float | None = TIMEOUT) -> None:
        if socket is None:
            socket = os.environ.get("HOSTLER_SOCKET") or default_socket(
                [Path("workspace.yaml")], os.environ
            )
        super().__init__(Path(socket), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
