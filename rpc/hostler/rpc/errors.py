"""Packs and unpacks the google.rpc details of an error of the facade.

A failed call carries a canonical gRPC code, a message, and the trailing metadata entry
`grpc-status-details-bin`: a google.rpc.Status with

- ErrorInfo: `Reason` in the domain "hostler", and metadata such as the location's name
- DebugInfo: the traceback of the user's code
- RetryInfo: when to try again
- ResourceInfo: the resource that is meant
- BadRequest: each field of the request that is not valid
- hostler.v1.NearestNames: what there is in place of a name that there is not

The daemon packs them, the client unpacks them; nothing here needs grpc itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from hostler.v1 import errors_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The domain of every ErrorInfo that hostler makes.
DOMAIN = "hostler"

#: The metadata key under which gRPC libraries of every language look for the details.
DETAILS_KEY = "grpc-status-details-bin"

#: gRPC clients refuse metadata above 8 KB unless they are told otherwise, and the details travel as
#: base64, beside the message: more than this would turn a clear error into RESOURCE_EXHAUSTED.
MAX_DETAILS = 5000

#: A message above this is cut; percent-encoding makes three bytes of each that is not ASCII.
MAX_MESSAGE = 800

#: No other text of the details needs more than this.
_MAX_TEXT = 200

#: Bytes of a detail beside its content: the name of its type, and lengths.
_ENVELOPE = 60


class Reason(StrEnum):
    """Why a call failed: ErrorInfo.reason."""

    #: NOT_FOUND; the resource says what was looked for, `nearest` what there is.
    UNKNOWN_NAME = "UNKNOWN_NAME"
    #: UNAVAILABLE; the first load is under way.
    NOT_READY = "NOT_READY"
    #: FAILED_PRECONDITION; the load failed and there is no last good generation.
    LOAD_FAILED = "LOAD_FAILED"
    #: FAILED_PRECONDITION; the location was stopped on request.
    STOPPED = "STOPPED"
    #: FAILED_PRECONDITION or INVALID_ARGUMENT; a function of the user's raised. metadata["file"]
    #: and ["line"] are the place in the user's code, where that is known.
    USER_CODE = "USER_CODE"
    #: INVALID_ARGUMENT; the request, or the run config in it, is not valid.
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    #: UNAVAILABLE; the process that worked on the call died: metadata["exit"] or ["signal"].
    PROCESS_DIED = "PROCESS_DIED"
    #: DEADLINE_EXCEEDED; metadata["location"] was slow.
    DEADLINE = "DEADLINE"
    #: RESOURCE_EXHAUSTED; too many calls in flight.
    OVERLOADED = "OVERLOADED"
    #: RESOURCE_EXHAUSTED without RetryInfo; metadata["limit"] in bytes.
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    #: FAILED_PRECONDITION; the run has not ended.
    RUN_GOES_ON = "RUN_GOES_ON"
    #: RESOURCE_EXHAUSTED; the record of runs cannot be written: the disk is full.
    NOT_RECORDED = "NOT_RECORDED"
    #: PERMISSION_DENIED; the socket answers only what reads.
    ONLY_READS = "ONLY_READS"
    #: UNAVAILABLE; the daemon is ending.
    SHUTTING_DOWN = "SHUTTING_DOWN"
    #: INTERNAL; a fault of the facade's own.
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The details of a failed call; empty fields and None are not sent."""

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: Seconds until a retry makes sense.
    retry_delay: float | None = None
    #: As Python prints it.
    traceback: str | None = None
    #: The class name of the user's exception.
    exception_type: str | None = None
    exception_message: str | None = None
    #: The kind of resource: "location", "repository", "pipeline", "run".
    resource_type: str = ""
    resource_name: str = ""
    #: What is wrong with the resource.
    description: str = ""
    #: The names that resemble an unknown one most, the most similar first.
    nearest: Sequence[str] = ()
    #: Fields of the request, as "run_config.solids.load", and what is wrong with each. As many
    #: as fit are sent.
    violations: Sequence[tuple[str, str]] = ()


def pack(code: int, message: str, details: ErrorDetails) -> status_pb2.Status:
    """Returns the status of a failed call.

    Args:
        code: the number of the canonical code, as `grpc.StatusCode.NOT_FOUND.value[0]`.
        message: one line for a person; cut at MAX_MESSAGE bytes. Give the status' own `message` to
            the call, so that it is cut there as well.
        details: a traceback is cut in its middle where all would be above MAX_DETAILS bytes.
    """
    status = status_pb2.Status(code=code, message=_head(message, MAX_MESSAGE))
    metadata = {
        key: _head(value, MAX_MESSAGE if key == "file" else _MAX_TEXT)
        for key, value in details.metadata.items()
    }
    if details.exception_type is not None:
        metadata["exception_type"] = _head(details.exception_type, _MAX_TEXT)
    if details.exception_message is not None:
        metadata["exception_message"] = _head(details.exception_message, MAX_MESSAGE)
    info = error_details_pb2.ErrorInfo(reason=details.reason, domain=DOMAIN, metadata=metadata)
    status.details.add().Pack(info)
    if details.retry_delay is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(details.retry_delay * 1e9))
        status.details.add().Pack(retry)
    if details.resource_type or details.resource_name:
        resource = error_details_pb2.ResourceInfo(
            resource_type=details.resource_type,
            resource_name=_head(details.resource_name, _MAX_TEXT),
            description=_head(details.description, _MAX_TEXT),
        )
        status.details.add().Pack(resource)
    if details.nearest:
        names = [_head(name, _MAX_TEXT) for name in details.nearest]
        status.details.add().Pack(errors_pb2.NearestNames(names=names))
    if details.violations:
        room = MAX_DETAILS - status.ByteSize() - _ENVELOPE
        status.details.add().Pack(_bad_request(details.violations, room))
    if details.traceback is not None:
        room = max(MAX_DETAILS - status.ByteSize(), _MAX_TEXT)
        debug = error_details_pb2.DebugInfo(detail=_ends(details.traceback, room))
        status.details.add().Pack(debug)
    return status


def trailing_metadata(status: status_pb2.Status) -> tuple[tuple[str, bytes]]:
    """Returns the trailing metadata with which a server sends `status`."""
    return ((DETAILS_KEY, status.SerializeToString()),)


def unpack(metadata: Iterable[tuple[str, str | bytes]] | None) -> ErrorDetails:
    """Returns the details in a failed call's trailing metadata; empty ones for other servers.

    Details of another domain, and bytes that are no Status, are ignored: an error whose details
    cannot be read is still that error.
    """
    status = status_pb2.Status()
    for key, value in metadata or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                return ErrorDetails()
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    resource = error_details_pb2.ResourceInfo()
    debug = error_details_pb2.DebugInfo()
    request = error_details_pb2.BadRequest()
    near = errors_pb2.NearestNames()
    has_retry = has_debug = False
    for detail in status.details:
        if any(detail.Unpack(into) for into in (info, resource, request, near)):
            continue
        has_retry = detail.Unpack(retry) or has_retry
        has_debug = detail.Unpack(debug) or has_debug
    if info.domain != DOMAIN:
        return ErrorDetails()
    entries = dict(info.metadata)
    return ErrorDetails(
        reason=info.reason,
        exception_type=entries.pop("exception_type", None),
        exception_message=entries.pop("exception_message", None),
        metadata=entries,
        retry_delay=retry.retry_delay.ToNanoseconds() / 1e9 if has_retry else None,
        traceback=debug.detail if has_debug else None,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        description=resource.description,
        nearest=tuple(near.names),
        violations=tuple((each.field, each.description) for each in request.field_violations),
    )


def _bad_request(violations: Sequence[tuple[str, str]], room: int) -> error_details_pb2.BadRequest:
    """Returns the first violations that fit into so many bytes."""
    request = error_details_pb2.BadRequest()
    for field_path, description in violations:
        request.field_violations.add(
            field=_head(field_path, _MAX_TEXT), description=_head(description, MAX_MESSAGE)
        )
        if request.ByteSize() > room:
            del request.field_violations[-1]
            break
    return request


def _head(text: str, limit: int) -> str:
    """Returns `text`, cut to `limit` bytes."""
    encoded = text.encode(errors="backslashreplace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def _ends(text: str, limit: int) -> str:
    """Returns `text`, its middle cut to `limit` bytes: a traceback says most in its last lines."""
    encoded = text.encode(errors="backslashreplace")
    if len(encoded) <= limit:
        return encoded.decode()
    mark = "\n  [... the middle is cut ...]\n"
    first = limit // 5
    last = limit - first - len(mark)
    return encoded[:first].decode(errors="ignore") + mark + encoded[-last:].decode(errors="ignore")
