"""The errors of a call to the daemon.

HostlerError
├─ UnreachableError        no daemon answers on the socket, or it is ending
├─ NotFoundError           no location, repository, pipeline or run of that name
├─ AmbiguousNameError      several pipelines or runs are meant by that name
├─ NotReadyError           the location's first load is under way: retry_delay
├─ PreconditionError       the daemon cannot do that in the present state
│  ├─ LoadFailedError      the location never loaded: traceback
│  └─ StoppedError         the location was stopped on request
├─ UserCodeError           one of the user's functions raised: traceback
├─ InvalidArgumentError    the request is not valid
├─ ProcessDiedError        the process that worked on the call died
├─ DeadlineError           no answer within the timeout
├─ OnlyReadsError          the socket answers only what reads
├─ OverloadedError         too many calls are in flight: retry_delay
├─ NotRecordedError        the record of runs cannot be written: the disk is full
├─ MessageTooLargeError    the request or its answer is above the limit
├─ CanceledError           the call was cancelled
└─ InternalError           a fault of the daemon's
"""

from __future__ import annotations

import grpc

from hostler.rpc.errors import ErrorDetails, Reason, unpack


class HostlerError(Exception):
    """A call to the daemon failed.

    Attributes:
        code: the canonical gRPC code; None where the client itself found the error.
        details: what came with the error; empty where nothing did.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        details: ErrorDetails | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = details or ErrorDetails()

    @property
    def traceback(self) -> str | None:
        """Returns the traceback of the user's code as Python prints it; None for none."""
        return self.details.traceback

    @property
    def retry_delay(self) -> float | None:
        """Returns the seconds until a retry makes sense; None where the daemon named no time."""
        return self.details.retry_delay


class UnreachableError(HostlerError):
    """No daemon answers on the socket, or it is ending."""


class NotFoundError(HostlerError):
    """There is no location, repository, pipeline or run of that name."""


class AmbiguousNameError(HostlerError):
    """Several pipelines have that name, or several runs' ids begin so.

    Attributes:
        candidates: their resource names.
    """

    def __init__(self, message: str, candidates: tuple[str, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates


class NotReadyError(HostlerError):
    """The location's first load is under way; `retry_delay` says when to ask again."""


class PreconditionError(HostlerError):
    """The daemon cannot do that in the present state."""


class LoadFailedError(PreconditionError):
    """The location never loaded; `traceback` says where its code failed."""


class StoppedError(PreconditionError):
    """The location was stopped on request."""


class UserCodeError(HostlerError):
    """One of the user's functions raised; `traceback` says where."""


class InvalidArgumentError(HostlerError):
    """The request is not valid."""


class ProcessDiedError(HostlerError):
    """The process that worked on the call died; a read may be tried again."""


class DeadlineError(HostlerError):
    """No answer came within the timeout."""


class OnlyReadsError(HostlerError):
    """The socket answers only what reads; orders go to the daemon's main socket."""


class OverloadedError(HostlerError):
    """Too many calls are in flight; `retry_delay` says when to ask again."""


class NotRecordedError(HostlerError):
    """The daemon cannot write its record of runs: the disk is full."""


class MessageTooLargeError(HostlerError):
    """The request or its answer is above the limit of 100 MB."""


class CanceledError(HostlerError):
    """The call was cancelled."""


class InternalError(HostlerError):
    """A fault of the daemon's, or a daemon of another version."""


_BY_REASON: dict[str, type[HostlerError]] = {
    Reason.UNKNOWN_NAME: NotFoundError,
    Reason.NOT_READY: NotReadyError,
    Reason.LOAD_FAILED: LoadFailedError,
    Reason.STOPPED: StoppedError,
    Reason.USER_CODE: UserCodeError,
    Reason.INVALID_ARGUMENT: InvalidArgumentError,
    Reason.PROCESS_DIED: ProcessDiedError,
    Reason.DEADLINE: DeadlineError,
    Reason.OVERLOADED: OverloadedError,
    Reason.MESSAGE_TOO_LARGE: MessageTooLargeError,
    Reason.RUN_GOES_ON: PreconditionError,
    Reason.NOT_RECORDED: NotRecordedError,
    Reason.ONLY_READS: OnlyReadsError,
    Reason.SHUTTING_DOWN: UnreachableError,
    Reason.INTERNAL: InternalError,
}

#: What a code means where no ErrorInfo came with it: gRPC itself made the error.
_BY_CODE: dict[grpc.StatusCode, type[HostlerError]] = {
    grpc.StatusCode.UNAVAILABLE: UnreachableError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: MessageTooLargeError,
    grpc.StatusCode.CANCELLED: CanceledError,
}


def from_rpc_error(error: grpc.RpcError, socket: str) -> HostlerError:
    """Returns the error of this package for a call to the daemon on `socket` that failed."""
    code = error.code()
    message = error.details() or code.name
    details = unpack((entry.key, entry.value) for entry in error.trailing_metadata() or ())
    kind = _BY_REASON.get(details.reason) or _BY_CODE.get(code, InternalError)
    if kind is UnreachableError and not details.reason:
        message = f"cannot reach a daemon on {socket}: {message}"
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        message = (
            f"cannot call this on the daemon on {socket}, which is of another version: {message}"
        )
    return kind(message, code=code, details=details)
