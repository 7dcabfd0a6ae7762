"""Runs as they are read from the record: valid for every client, whatever was recorded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostler.daemon.runs.store.record import Run

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

#: The range of google.protobuf.Duration, in seconds.
LONGEST_DURATION = 315_576_000_000

#: An empty Value in a mapping and in a list: without these bytes a run config has none.
_EMPTY_VALUES = (b"\x12\x00", b"\x0a\x00")


def is_valid_duration(value: Duration) -> bool:
    """Returns whether a duration is one that protobuf's JSON has a form for."""
    return (
        abs(value.seconds) <= LONGEST_DURATION
        and abs(value.nanos) <= 999_999_999
        and not (value.seconds < 0 < value.nanos)
        and not (value.nanos < 0 < value.seconds)
    )


def read_run(data: bytes) -> Run:
    """Returns a recorded run.

    A timeout that is no valid duration becomes the one that it amounts to, and an empty Value of
    the run config becomes null: strict clients could not read a list with such a run.
    """
    run = Run.FromString(data)
    if run.HasField("timeout") and not is_valid_duration(run.timeout):
        longest = LONGEST_DURATION * 1_000_000_000
        amount = run.timeout.seconds * 1_000_000_000 + run.timeout.nanos
        run.timeout.FromNanoseconds(max(-longest, min(longest, amount)))
    if any(pattern in data for pattern in _EMPTY_VALUES):
        _fill_empty_values(run)
    return run


def _fill_empty_values(run: Run) -> None:
    pending: list[Any] = list(run.run_config.fields.values())
    while pending:
        value = pending.pop()
        kind = value.WhichOneof("kind")
        if kind is None:
            value.null_value = 0
        elif kind == "struct_value":
            pending.extend(value.struct_value.fields.values())
        elif kind == "list_value":
            pending.extend(value.list_value.values)
