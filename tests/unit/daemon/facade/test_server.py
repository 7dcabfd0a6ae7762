"""The status and the journal entry that an error of a call becomes, for each kind of call."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import refusals
from hostler.daemon.facade.admission import Admission
from hostler.daemon.facade.server import ServiceHandlers
from hostler.v1 import workspace_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVICE = workspace_pb2.DESCRIPTOR.services_by_name["WorkspaceService"]

#: A field's head without its content.
TORN = b"\x0a"


class Workspace:
    """Implements the service: every method raises the error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        if name in ("watch_workspace", "read_logs"):
            return self._stream
        return self._unary

    async def _unary(self, _request: object, _context: object) -> bytes:
        raise self.error

    async def _stream(self, _request: object, _context: object) -> AsyncIterator[bytes]:
        yield b"first"
        raise self.error


class FakeContext:
    """Notes the status that a call is aborted with, each time."""

    def __init__(self) -> None:
        self.aborts: list[tuple[grpc.StatusCode, str]] = []

    async def abort(self, code: grpc.StatusCode, message: str, _metadata: object) -> None:
        self.aborts.append((code, message))
        raise grpc.aio.AbortError


class Details:
    """Holds what grpc asks a handler with for a method."""

    invocation_metadata = ()

    def __init__(self, method: str) -> None:
        self.method = f"/{SERVICE.full_name}/{method}"


def aborts(
    method: str, error: Exception, request: bytes = b"", settings: Settings | None = None
) -> tuple[list[tuple[grpc.StatusCode, str]], str]:
    """Makes a call; returns the status that it was aborted with, and the journal."""
    said = io.StringIO()
    journal = Journal(stream=said)
    settings = settings or Settings()
    services = ServiceHandlers(settings, journal, Admission(settings))
    handler: Any = services.handler(SERVICE, Workspace(error)).service(Details(method))  # type: ignore[arg-type]  # as far as grpc looks at it
    context = FakeContext()

    async def call() -> None:
        if handler.response_streaming:
            async for _ in handler.unary_stream(request, context):
                pass
        else:
            await handler.unary_unary(request, context)

    with pytest.raises(grpc.aio.AbortError):
        asyncio.run(call())
    journal.close()
    return context.aborts, said.getvalue()


@pytest.mark.parametrize("method", ["GetLocation", "ReadLogs"])
def test_a_refusal_is_the_status_and_is_not_logged(method: str) -> None:
    found, said = aborts(method, refusals.invalid("cannot use this"))
    assert found == [(grpc.StatusCode.INVALID_ARGUMENT, "cannot use this")]
    assert said == ""


@pytest.mark.parametrize("method", ["GetLocation", "ReadLogs"])
def test_a_request_that_cannot_be_read_is_refused(method: str) -> None:
    ((code, message),), said = aborts(method, AssertionError("not reached"), TORN)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("cannot read the request: ")
    assert said == ""


@pytest.mark.parametrize("method", ["GetLocation", "ReadLogs"])
def test_any_other_error_is_a_fault_of_ours_with_its_traceback_in_the_log(method: str) -> None:
    ((code, message),), said = aborts(method, KeyError("lost"))
    assert code is grpc.StatusCode.INTERNAL
    assert "lost" not in message
    assert "a call failed" in said
    assert "KeyError: 'lost'" in said


def test_a_call_too_many_is_refused_before_its_request_is_read() -> None:
    settings = Settings(in_flight_limit=0)
    ((code, _),), _ = aborts("GetLocation", AssertionError("not reached"), TORN, settings)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("method", "limits"),
    [
        ("GetLocation", {"request_bytes": 3}),
        ("ReadLogs", {"request_bytes": 3}),
        ("ReloadLocations", {"request_bytes": 3}),
    ],
)
def test_a_request_that_is_too_large_is_refused_before_it_is_read(
    method: str, limits: dict[str, int]
) -> None:
    settings = Settings(**limits)  # type: ignore[arg-type]  # by name
    ((code, message),), _ = aborts(method, AssertionError("not reached"), TORN * 2, settings)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot read" in message
    ((code, message),), _ = aborts(method, AssertionError("not reached"), TORN * 4, settings)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "4 bytes; at most 3 (request_bytes)" in message


def test_a_stream_too_many_is_refused() -> None:
    settings = Settings(stream_limit=0)
    ((code, message),), _ = aborts("ReadLogs", AssertionError("not reached"), b"", settings)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "streams" in message
