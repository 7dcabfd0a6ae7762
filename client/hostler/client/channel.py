"""The channel to the daemon, and what every call has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc

from hostler.client.errors import from_rpc_error
from hostler.client.stream import Stream
from hostler.rpc.address import grpc_target
from hostler.v1 import repository_pb2_grpc, run_pb2_grpc, workspace_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: The daemon's own limit; gRPC's default of 4 MB is too small for a large repository.
MAX_MESSAGE = 100 * 1024 * 1024

#: A client may outlive its daemon, and gRPC's own back-off between attempts to reconnect goes up to
#: two minutes, which is an eternity on a socket of the same machine.
#: A daemon that was killed serves again within a second, and no reader is to notice more of it.
RECONNECT_MS = (100, 250)

OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    # A Unix socket is never behind a proxy, whatever http_proxy says.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS[0]),
    # not min_reconnect_backoff_ms: it is also how long one attempt may take
    ("grpc.max_reconnect_backoff_ms", RECONNECT_MS[1]),
)

Request = TypeVar("Request")
Response = TypeVar("Response")


class PagedRequest(Protocol):
    """Asks for one page of a list."""

    page_token: str


class Page(Protocol):
    """Answers with one page of a list."""

    next_page_token: str


PagedRequestT = TypeVar("PagedRequestT", bound=PagedRequest)
PageT = TypeVar("PageT", bound=Page)


class Calls:
    """Holds the channel and its stubs, and makes calls; subclasses have those of each resource."""

    def __init__(self, socket: Path, timeout: float | None) -> None:
        self.socket = socket
        self.timeout = timeout
        self._channel = grpc.insecure_channel(grpc_target(socket), options=OPTIONS)
        self._workspace = workspace_pb2_grpc.WorkspaceServiceStub(self._channel)
        self._repository = repository_pb2_grpc.RepositoryServiceStub(self._channel)
        self._run = run_pb2_grpc.RunServiceStub(self._channel)

    def close(self) -> None:
        """Ends all calls that are under way."""
        self._channel.close()

    def _unary(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        timeout: float | None = None,
    ) -> Response:
        try:
            return method(request, timeout=self.timeout if timeout is None else timeout)
        except grpc.RpcError as error:
            raise from_rpc_error(error, str(self.socket)) from None

    def _stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Request, Response],
        request: Request,
        divide: Callable[[Response], Iterator[Response]] | None = None,
        timeout: float | None = None,
    ) -> Stream[Response]:
        return Stream(method(request, timeout=timeout), str(self.socket), divide)

    def _pages(
        self, method: grpc.UnaryUnaryMultiCallable[PagedRequestT, PageT], request: PagedRequestT
    ) -> Iterator[PageT]:
        while True:
            page = self._unary(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
