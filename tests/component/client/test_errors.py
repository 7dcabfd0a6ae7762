from __future__ import annotations

from typing import Any, NamedTuple

import grpc
import pytest

from hostler.client import errors
from hostler.client.errors import HostlerError, from_rpc_error
from hostler.rpc.errors import (
    DETAILS_KEY,
    MAX_DETAILS,
    ErrorDetails,
    Reason,
    pack,
    trailing_metadata,
    unpack,
)

Code = grpc.StatusCode

FULL = ErrorDetails(
    reason=Reason.LOAD_FAILED,
    metadata={"location": "etl"},
    retry_delay=1.5,
    traceback="Traceback ...\nNameError: x\n",
    exception_type="NameError",
    exception_message="x",
    resource_type="location",
    resource_name="locations/etl",
    description="never loaded",
)


class Entry(NamedTuple):
    """Holds an entry of trailing metadata, as grpc does."""

    key: str
    value: bytes


class FailedCall(grpc.RpcError):
    """Stands for the error that grpc raises."""

    def __init__(self, code: Code, message: str, details: ErrorDetails | None) -> None:
        self._code, self._message = code, message
        status = pack(code.value[0], message, details) if details else None
        self._entries = trailing_metadata(status) if status else ()

    def code(self) -> Code:
        return self._code

    def details(self) -> str:
        return self._message

    def trailing_metadata(self) -> tuple[Any, ...]:
        return tuple(Entry(*entry) for entry in self._entries)


@pytest.mark.parametrize("details", [FULL, ErrorDetails(reason=Reason.DEADLINE), ErrorDetails()])
def test_details_survive_the_wire(details: ErrorDetails) -> None:
    status = pack(9, "cannot", details)
    assert (status.code, status.message) == (9, "cannot")
    assert unpack(trailing_metadata(status)) == details


def test_long_details_are_cut_to_what_every_client_takes() -> None:
    details = ErrorDetails(
        reason=Reason.USER_CODE,
        metadata={"é": "é" * 9000},
        traceback="first line\n" + "é\n" * 9000 + "last line\n",
        exception_message="\ud800" * 9000,
        resource_name="x" * 9000,
    )
    status = pack(9, "é" * 9000, details)
    assert status.ByteSize() < MAX_DETAILS * 1.1
    traceback = unpack(trailing_metadata(status)).traceback
    assert traceback is not None
    assert traceback.startswith("first line\n")
    assert traceback.endswith("last line\n")


@pytest.mark.parametrize(
    "metadata", [None, [], [("other", "x")], [(DETAILS_KEY, b"\xff\xff")], [(DETAILS_KEY, b"")]]
)
def test_what_is_not_ours_has_no_details(
    metadata: list[tuple[str, str | bytes]] | None,
) -> None:
    assert unpack(metadata) == ErrorDetails()


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (Code.UNAVAILABLE, None, errors.UnreachableError),
        (Code.UNAVAILABLE, Reason.NOT_READY, errors.NotReadyError),
        (Code.UNAVAILABLE, Reason.PROCESS_DIED, errors.ProcessDiedError),
        (Code.UNAVAILABLE, Reason.SHUTTING_DOWN, errors.UnreachableError),
        (Code.NOT_FOUND, Reason.UNKNOWN_NAME, errors.NotFoundError),
        (Code.FAILED_PRECONDITION, Reason.LOAD_FAILED, errors.LoadFailedError),
        (Code.FAILED_PRECONDITION, Reason.STOPPED, errors.StoppedError),
        (Code.FAILED_PRECONDITION, None, errors.PreconditionError),
        (Code.INVALID_ARGUMENT, Reason.USER_CODE, errors.UserCodeError),
        (Code.INVALID_ARGUMENT, None, errors.InvalidArgumentError),
        (Code.DEADLINE_EXCEEDED, None, errors.DeadlineError),
        (Code.DEADLINE_EXCEEDED, Reason.DEADLINE, errors.DeadlineError),
        (Code.RESOURCE_EXHAUSTED, Reason.OVERLOADED, errors.OverloadedError),
        (Code.RESOURCE_EXHAUSTED, None, errors.MessageTooLargeError),
        (Code.PERMISSION_DENIED, Reason.ONLY_READS, errors.OnlyReadsError),
        (Code.CANCELLED, None, errors.CanceledError),
        (Code.INTERNAL, Reason.INTERNAL, errors.InternalError),
        (Code.UNIMPLEMENTED, None, errors.InternalError),
        (Code.UNKNOWN, None, errors.InternalError),
        (Code.NOT_FOUND, "A_REASON_OF_LATER", errors.NotFoundError),
    ],
)
def test_code_and_reason_make_the_error(
    code: Code, reason: str | None, kind: type[HostlerError]
) -> None:
    details = ErrorDetails(reason=reason, retry_delay=2.0) if reason else None
    error = from_rpc_error(FailedCall(code, "why", details), "/s")
    assert type(error) is kind
    assert error.code is code
    assert error.retry_delay == (2.0 if reason else None)
    assert "why" in str(error)


def test_every_reason_has_its_error() -> None:
    for reason in Reason:
        details = ErrorDetails(reason=reason)
        error = from_rpc_error(FailedCall(Code.UNKNOWN, "why", details), "/s")
        assert (type(error) is errors.InternalError) == (reason is Reason.INTERNAL)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, HostlerError)
    ]
    assert errors.__doc__ is not None
    lines = errors.__doc__.splitlines()
    assert len(kinds) == sum("Error  " in line or line.endswith("Error") for line in lines)
    for kind in kinds:
        (line,) = [line for line in lines if kind.__name__ in line.split()]
        depth = len(kind.__mro__) - len(HostlerError.__mro__)
        assert line.count("─") == min(depth, 1)
        assert line.startswith("│  ") == (depth == 2)
