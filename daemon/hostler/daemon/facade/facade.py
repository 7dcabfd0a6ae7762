"""The facade: every service on one Unix socket, and what reads on a second one, where asked for."""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.facade.admission import Admission
from hostler.daemon.facade.health import HealthService
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.facade.reflection import Reflection
from hostler.daemon.facade.repository import RepositoryService
from hostler.daemon.facade.run import RunService
from hostler.daemon.facade.server import ServiceHandlers
from hostler.daemon.facade.sockets import SocketClaim
from hostler.daemon.facade.workspace import WorkspaceService
from hostler.daemon.supervision.supervisor import Supervisor
from hostler.rpc.address import grpc_target
from hostler.v1 import repository_pb2, run_pb2, workspace_pb2

_SERVICES = (
    workspace_pb2.DESCRIPTOR.services_by_name["WorkspaceService"],
    repository_pb2.DESCRIPTOR.services_by_name["RepositoryService"],
    run_pb2.DESCRIPTOR.services_by_name["RunService"],
)

_NAMES = tuple(service.full_name for service in _SERVICES)

_Health = health_pb2.HealthCheckResponse

#: Seconds for calls that are open when the daemon stops; streams need no time to end.
_STOP_GRACE = 0.5

#: How often clients may ping an idle connection: half of what docs say, since timers may be early.
PING_INTERVAL_MS = 500

#: Seconds for each location between two looks at the health of all: a tenth of a second for a
#: thousand, each of which may have a change to tell in it. A look takes a hundredth of that.
_HEALTH_PAUSE = 0.0001

#: Calls that wait for the loop: above the first number gRPC ends some with CANCELLED, above the
#: second all. A burst of a thousand is to get answers, or refusals that say why.
MAX_PENDING_REQUESTS = (20_000, 40_000)


class Facade:
    """Runs the grpc.aio server with hostler's services, health and reflection."""

    def __init__(
        self,
        supervisor: Supervisor,
        settings: Settings,
        journal: Journal,
        version: str,
        state_directory: str,
    ) -> None:
        self._supervisor = supervisor
        self._health = HealthService()
        self._settings = settings
        self._journal = journal
        self._servers: list[Any] = []
        self._admission = Admission(settings)
        queries = DefinitionQueries(supervisor, self._admission)
        self._implementations = (
            WorkspaceService(supervisor, settings, self._admission, version, state_directory),
            RepositoryService(supervisor, queries, settings),
            RunService(supervisor, supervisor.runs, queries, settings),
        )

    async def start(self, claim: SocketClaim, read_claim: SocketClaim | None = None) -> None:
        """Binds the claimed socket and serves.

        Args:
            read_claim: of the socket on which only what reads is answered; None for no such socket.

        Raises:
            SocketError: a socket cannot be given to its group.
        """
        self._bind(claim, only_reads=False)
        if read_claim is not None:
            self._bind(read_claim, only_reads=True)
        for server in self._servers:
            await server.start()
        for name in ("", *_NAMES):
            await self._health.set(name, _Health.SERVING)

    def _bind(self, claim: SocketClaim, *, only_reads: bool) -> None:
        """Makes a server of all services on a claimed socket."""
        server = _server(self._settings)
        handlers = ServiceHandlers(
            self._settings, self._journal, self._admission, only_reads=only_reads
        )
        server.add_generic_rpc_handlers(
            [handlers.handler(*pair) for pair in zip(_SERVICES, self._implementations, strict=True)]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection = Reflection([*_NAMES, health.SERVICE_NAME])
        server.add_generic_rpc_handlers([*reflection.handlers()])
        self._servers.append(server)
        with claim.binding():
            server.add_insecure_port(grpc_target(claim.path))

    async def publish_health(self) -> None:
        """Publishes the health of each location, as `locations/NAME`, until it is cancelled."""
        published: dict[str, Any] = {}
        while True:
            # Taken before the locations are read, so that no change is missed.
            next_change = self._supervisor.changes.next_change()
            locations = self._supervisor.locations.items()
            now: dict[str, Any] = {
                f"locations/{name}": _Health.SERVING if location.generation else _Health.NOT_SERVING
                for name, location in locations
            }
            for name in published.keys() - now.keys():
                now[name] = _Health.SERVICE_UNKNOWN
            for name, status in now.items():
                if published.get(name) != status:
                    await self._health.set(name, status)
            published = now
            await next_change.wait()
            await asyncio.sleep(len(now) * _HEALTH_PAUSE)

    async def announce_stop(self) -> None:
        """Answers NOT_SERVING to callers that ask for health, and ends calls that wait for code.

        Other calls go on as before.
        """
        self._admission.close()
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Ends the calls that are open, each with the reason, and closes the sockets."""
        await self._admission.end_all(_STOP_GRACE)
        await asyncio.gather(*(server.stop(_STOP_GRACE) for server in self._servers))


def _server(settings: Settings) -> Any:
    """Returns a grpc.aio server without services."""
    return grpc.aio.server(
        options=(
            ("grpc.so_reuseport", 0),  # a second server would share the port silently
            ("grpc.max_receive_message_length", settings.message_limit),
            ("grpc.max_send_message_length", settings.message_limit),
            ("grpc.max_concurrent_streams", settings.connection_limit),
            ("grpc.server.max_pending_requests", MAX_PENDING_REQUESTS[0]),
            ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING_REQUESTS[1]),
            # without this, a client that pings an idle connection is sent away as a nuisance
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_INTERVAL_MS),
        )
    )
