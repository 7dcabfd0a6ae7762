"""A typed client of the hostler daemon.

    from hostler.client import Client

    with Client() as client:
        for location in client.locations():
            print(location.name, location.serving)
        for event in client.execute("daily_totals", location="etl"):
            print(event)

The methods take and return the messages of `hostler.v1`; errors are those of
`hostler.client.errors`.
"""

from hostler.client.backfill import Backfill
from hostler.client.client import Client
from hostler.client.errors import (
    AmbiguousNameError,
    CanceledError,
    DeadlineError,
    HostlerError,
    InternalError,
    InvalidArgumentError,
    LoadFailedError,
    MessageTooLargeError,
    NotFoundError,
    NotReadyError,
    NotRecordedError,
    OnlyReadsError,
    OverloadedError,
    PreconditionError,
    ProcessDiedError,
    StoppedError,
    UnreachableError,
    UserCodeError,
)
from hostler.client.execution import Execution
from hostler.client.stream import Stream

__all__ = [
    "AmbiguousNameError",
    "Backfill",
    "CanceledError",
    "Client",
    "DeadlineError",
    "Execution",
    "HostlerError",
    "InternalError",
    "InvalidArgumentError",
    "LoadFailedError",
    "MessageTooLargeError",
    "NotFoundError",
    "NotReadyError",
    "NotRecordedError",
    "OnlyReadsError",
    "OverloadedError",
    "PreconditionError",
    "ProcessDiedError",
    "StoppedError",
    "Stream",
    "UnreachableError",
    "UserCodeError",
]
