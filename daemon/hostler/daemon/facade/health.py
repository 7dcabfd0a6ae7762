"""grpc.health.v1, with the call that lists all that it knows."""

from __future__ import annotations

from typing import Any

from grpc_health.v1 import health, health_pb2

_Response = health_pb2.HealthCheckResponse


class HealthService(health.aio.HealthServicer):
    """Adds List, which the package declares and does not implement."""

    async def List(self, _request: Any, _context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """Returns the status of the server, of each service and of each location."""
        known: dict[str, Any] = vars(self)["_server_status"]
        messages: Any = health_pb2
        return messages.HealthListResponse(
            statuses={
                name: _Response(status=status)
                for name, status in known.items()
                if status != _Response.SERVICE_UNKNOWN  # a location that is gone
            }
        )
