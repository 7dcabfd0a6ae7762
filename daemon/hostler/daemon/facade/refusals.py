"""Calls that fail: a canonical code, a message and google.rpc details; a function for each case."""

from collections.abc import Collection, Sequence
from itertools import islice

import grpc

from hostler.daemon.facade.near_names import near_names
from hostler.daemon.generations.workers import WorkerDiedError
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.locations.location import Location
from hostler.daemon.processes.channel import RemoteError
from hostler.daemon.state.location import Status
from hostler.rpc.errors import ErrorDetails, Reason
from hostler.v1 import workspace_pb2

Code = grpc.StatusCode

#: Seconds: a first load takes some tenths of one; asking again sooner only adds to its work.
FIRST_LOAD_RETRY = 0.5

#: Seconds: most calls are answered within milliseconds, so there is room again soon.
OVERLOAD_RETRY = 0.1

#: Seconds: streams are open for minutes and hours; one that ends makes room for one.
STREAM_RETRY = 5.0


class RefusalError(Exception):
    """Ends a call with an error: its code, its message and its details."""

    def __init__(self, code: Code, message: str, details: ErrorDetails) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def unknown(kind: str, name: str, known: Collection[str], wanted: str = "") -> RefusalError:
    """Makes NOT_FOUND, with the nearest known names; `wanted` if the id may hold slashes."""
    wanted = wanted or name.rpartition("/")[2]
    nearest = near_names(wanted, known)
    message = f"cannot find {kind} {wanted!r}"
    if nearest:
        message += f"; did you mean {' or '.join(map(repr, nearest))}?"
    elif known:
        listed = ", ".join(islice(known, 10)) + (", …" if len(known) > 10 else "")
        message += f"; there are: {listed}"
    details = ErrorDetails(
        reason=Reason.UNKNOWN_NAME,
        nearest=nearest,
        resource_type=kind,
        resource_name=name,
        description=message,
    )
    return RefusalError(Code.NOT_FOUND, message, details)


def invalid(message: str) -> RefusalError:
    """Makes INVALID_ARGUMENT."""
    return RefusalError(
        Code.INVALID_ARGUMENT, message, ErrorDetails(reason=Reason.INVALID_ARGUMENT)
    )


def wrong_launch(
    pipeline: str, message: str, violations: Sequence[tuple[str, str]]
) -> RefusalError:
    """Makes INVALID_ARGUMENT, with everything that is wrong with a launch."""
    details = ErrorDetails(
        reason=Reason.INVALID_ARGUMENT,
        resource_type="pipeline",
        resource_name=pipeline,
        violations=violations,
    )
    return RefusalError(Code.INVALID_ARGUMENT, message, details)


def no_generation(location: Location) -> RefusalError:
    """Makes the refusal that says why a location has no generation to answer from."""
    metadata = {"location": location.name}
    if location.status is Status.STARTING:
        message = f"cannot ask location {location.name!r}: it is loading for the first time"
        details = ErrorDetails(
            reason=Reason.NOT_READY, metadata=metadata, retry_delay=FIRST_LOAD_RETRY
        )
        return RefusalError(Code.UNAVAILABLE, message, details)
    if location.error is not None:
        return _load_failed(location.name, location.error, was_kept=bool(location.remembered))
    message = (
        f"cannot ask location {location.name!r}: it is stopped; "
        f"start it with `hostler start {location.name}`"
    )
    details = ErrorDetails(reason=Reason.STOPPED, metadata=metadata)
    return RefusalError(Code.FAILED_PRECONDITION, message, details)


def _load_failed(name: str, failure: LoadFailure, *, was_kept: bool) -> RefusalError:
    exception = failure.exception or {}
    kind = workspace_pb2.LoadError.Kind.Name(workspace_pb2.LoadError.Kind.Value(failure.kind))
    details = ErrorDetails(
        reason=Reason.LOAD_FAILED,
        metadata={"location": name, "kind": kind},
        traceback=exception.get("traceback") or "\n".join(failure.output) or None,
        exception_type=exception.get("type"),
        exception_message=exception.get("message"),
    )
    never = "it has not loaded since the daemon was started" if was_kept else "it has never loaded"
    message = f"cannot ask location {name!r}, {never}: {failure.message}"
    if failure.source is not None:
        message += f" ({failure.source['file']}:{failure.source['line']})"
    return RefusalError(Code.FAILED_PRECONDITION, message, details)


def user_code(location: str, error: RemoteError, kind: str, name: str) -> RefusalError:
    """Makes FAILED_PRECONDITION: a function of the user's code raised for a definition."""
    body = error.body
    exception, source = body.get("exception"), body.get("source")
    known = exception if isinstance(exception, dict) else {}
    place = source if isinstance(source, dict) else {}
    details = ErrorDetails(
        reason=Reason.USER_CODE,
        metadata={"location": location, **{key: str(place[key]) for key in place}},
        traceback=known.get("traceback"),
        exception_type=known.get("type"),
        exception_message=known.get("message"),
        resource_type=kind,
        resource_name=name,
    )
    message = f"cannot answer for {kind} {name.rpartition('/')[2]!r}: {body.get('message')}"
    return RefusalError(Code.FAILED_PRECONDITION, message, details)


def process_died(location: str, error: WorkerDiedError) -> RefusalError:
    """Makes UNAVAILABLE, with the exit code or the signal."""
    metadata = {"location": location}
    if error.status is not None and error.status.code is not None:
        metadata["exit"] = str(error.status.code)
    if error.status is not None and error.status.signal is not None:
        metadata["signal"] = str(error.status.signal)
    details = ErrorDetails(reason=Reason.PROCESS_DIED, metadata=metadata)
    message = f"cannot answer for location {location!r}: {error}"
    return RefusalError(Code.UNAVAILABLE, message, details)


def no_process(location: str, message: str) -> RefusalError:
    """Makes UNAVAILABLE: no worker could be made."""
    details = ErrorDetails(
        reason=Reason.PROCESS_DIED, metadata={"location": location}, retry_delay=OVERLOAD_RETRY
    )
    return RefusalError(
        Code.UNAVAILABLE, f"cannot answer for location {location!r}: {message}", details
    )


def deadline(location: str, seconds: float) -> RefusalError:
    """Makes DEADLINE_EXCEEDED, with the location that was slow."""
    message = f"cannot answer: location {location!r} took longer than {seconds:.3g} s"
    details = ErrorDetails(reason=Reason.DEADLINE, metadata={"location": location})
    return RefusalError(Code.DEADLINE_EXCEEDED, message, details)


def overloaded(
    why: str, limit: int, retry_delay: float = OVERLOAD_RETRY, location: str = ""
) -> RefusalError:
    """Makes RESOURCE_EXHAUSTED: too much is under way; the caller may retry."""
    metadata = {"limit": str(limit)} | ({"location": location} if location else {})
    details = ErrorDetails(reason=Reason.OVERLOADED, metadata=metadata, retry_delay=retry_delay)
    return RefusalError(Code.RESOURCE_EXHAUSTED, f"cannot take more calls: {why}", details)


def too_large(size: int, limit: int) -> RefusalError:
    """Makes RESOURCE_EXHAUSTED: the answer is too large; a retry does not help."""
    message = f"cannot send an answer of {size} bytes; the limit is {limit}"
    details = ErrorDetails(reason=Reason.MESSAGE_TOO_LARGE, metadata={"limit": str(limit)})
    return RefusalError(Code.RESOURCE_EXHAUSTED, message, details)


def run_active(name: str) -> RefusalError:
    """Makes FAILED_PRECONDITION: only the record of a run that has ended may be deleted."""
    message = f"cannot delete {name}: it has not ended; cancel it first"
    details = ErrorDetails(reason=Reason.RUN_GOES_ON, resource_type="run", resource_name=name)
    return RefusalError(Code.FAILED_PRECONDITION, message, details)


def not_recorded(error: Exception) -> RefusalError:
    """Makes RESOURCE_EXHAUSTED: the record of runs cannot be written."""
    message = f"{error}; make room on the disk of the state folder"
    return RefusalError(Code.RESOURCE_EXHAUSTED, message, ErrorDetails(reason=Reason.NOT_RECORDED))


def only_reads() -> RefusalError:
    """Makes PERMISSION_DENIED: the socket that was called answers only what reads."""
    message = (
        "cannot do that on this socket: it answers only what reads (HOSTLER_READ_SOCKET); "
        "call the daemon's main socket"
    )
    return RefusalError(Code.PERMISSION_DENIED, message, ErrorDetails(reason=Reason.ONLY_READS))


def shutting_down() -> RefusalError:
    """Makes UNAVAILABLE: the daemon is ending."""
    details = ErrorDetails(reason=Reason.SHUTTING_DOWN)
    return RefusalError(Code.UNAVAILABLE, "cannot answer: the daemon is stopping", details)


def internal() -> RefusalError:
    """Makes INTERNAL: a fault of hostler itself."""
    message = "a fault of hostler's own; the daemon's log has the traceback"
    return RefusalError(Code.INTERNAL, message, ErrorDetails(reason=Reason.INTERNAL))
