"""What an earlier daemon has recorded is read in a form that every client takes."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from hostler.daemon.runs.store.readable import read_run
from hostler.daemon.runs.store.record import Run


@pytest.mark.parametrize(
    ("recorded", "read"),
    [
        (Duration(nanos=2 * 10**9), Duration(seconds=2)),
        (Duration(seconds=1, nanos=-1), Duration(nanos=999_999_999)),
        (Duration(seconds=-1, nanos=1), Duration(nanos=-999_999_999)),
        (Duration(seconds=2**62), Duration(seconds=315_576_000_000)),
        (Duration(seconds=-(2**62), nanos=5), Duration(seconds=-315_576_000_000)),
        (Duration(seconds=5), Duration(seconds=5)),
    ],
)
def test_timeouts(recorded: Duration, read: Duration) -> None:
    found = read_run(Run(name="runs/1", timeout=recorded).SerializeToString())
    assert found.timeout == read
    json_format.MessageToJson(found)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Value(), None),
        (Value(list_value=ListValue(values=[Value(), Value(number_value=1)])), [None, 1.0]),
        (Value(struct_value=Struct(fields={"a": Value()})), {"a": None}),
        (
            Value(list_value=ListValue(values=[Value(struct_value=Struct(fields={"": Value()}))])),
            [{"": None}],
        ),
        (Value(string_value="\x12\x00\n\x00"), "\x12\x00\n\x00"),
        (Value(struct_value=Struct()), {}),
    ],
)
def test_run_configs(value: Value, read: object) -> None:
    recorded = Run(run_config=Struct(fields={"k": value}))
    found = read_run(recorded.SerializeToString())
    assert json_format.MessageToDict(found.run_config) == {"k": read}


def test_a_value_that_was_recorded_without_its_field() -> None:
    # a mapping's entry with a key alone: as some libraries write an empty Value
    data = Run(name="runs/1").SerializeToString() + b"\x2a\x05\x0a\x03\x0a\x01k"
    found = read_run(data)
    json_format.MessageToJson(found)
