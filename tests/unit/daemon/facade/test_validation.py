"""What no request may have, whatever its method."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade.refusals import RefusalError
from hostler.daemon.facade.validation import (
    CONFIG_DEPTH,
    CONFIG_ON_LOOP,
    require_config,
    require_valid,
)
from hostler.v1 import repository_pb2, run_pb2, workspace_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

SETTINGS = Settings()
LONG = "x" * (SETTINGS.name_bytes + 1)
Launch = run_pb2.LaunchRunRequest
Filter = run_pb2.RunFilter


def launch(**fields: Any) -> Launch:
    return Launch(pipeline="locations/a/repositories/b/pipelines/c", **fields)


def filtered(**fields: Any) -> run_pb2.ListRunsRequest:
    return run_pb2.ListRunsRequest(filter=Filter(**fields))


REFUSED: dict[str, tuple[Message, str]] = {
    "a long name": (workspace_pb2.GetLocationRequest(name=LONG), "name of 4097 bytes"),
    "a long name in two bytes each": (
        workspace_pb2.StopLocationRequest(name="é" * 2049),
        "name of 4098 bytes",
    ),
    "a long parent": (repository_pb2.ListPipelinesRequest(parent=LONG), "parent of 4097"),
    "a long token": (run_pb2.ListRunsRequest(page_token=LONG), "page_token of 4097"),
    "a long name in a list": (workspace_pb2.ReloadLocationsRequest(names=["a", LONG]), "names of"),
    "a long partition": (launch(partition=LONG), "partition of"),
    "a long solid": (launch(solids=[LONG]), "solids of"),
    "a long backfill": (launch(backfill=LONG), "backfill of"),
    "a long filter": (filtered(pipeline=LONG), "pipeline of"),
    "many names": (workspace_pb2.RestartLocationsRequest(names=["a"] * 10_001), "10001 names"),
    "many states": (filtered(states=[1] * 10_001), "10001 states"),
    "many tags": (launch(tags={str(n): "" for n in range(257)}), "257 tags"),
    "large tags": (launch(tags={"a": "x" * 64_000}), "64001 bytes of tags"),
    "large tags of a filter": (filtered(tags={"a" * 64_001: ""}), "64001 bytes of tags"),
    "a state that there is not": (filtered(states=[99]), "cannot use 99 in states"),
    "a negative state": (filtered(states=[-1]), "cannot use -1 in states"),
    "a negative page": (run_pb2.ListRunsRequest(page_size=-1), "page_size -1"),
    "a negative count": (repository_pb2.PreviewScheduleRequest(count=-5), "count -5"),
    "negative lines": (workspace_pb2.ReadLogsRequest(last=-(2**31)), "last -2147483648"),
    "a negative sequence": (run_pb2.WatchRunRequest(after_sequence=-1), "after_sequence -1"),
    "a negative revision": (workspace_pb2.WatchWorkspaceRequest(after_revision=-1), "revision -1"),
    "negative concurrency": (launch(max_concurrency=-1), "max_concurrency -1"),
    "nanos of two seconds": (launch(timeout=Duration(nanos=2 * 10**9)), "timeout of 0 s"),
    "mixed signs": (launch(timeout=Duration(seconds=1, nanos=-1)), "timeout of 1 s and -1 ns"),
    "mixed signs again": (launch(timeout=Duration(seconds=-1, nanos=1)), "timeout of -1 s"),
    "ten thousand years": (launch(timeout=Duration(seconds=315_576_000_001)), "timeout of"),
    "before the year 1": (
        filtered(create_time_from=Timestamp(seconds=-62_135_596_801)),
        "create_time_from of",
    ),
    "after the year 9999": (
        filtered(create_time_before=Timestamp(seconds=253_402_300_800)),
        "create_time_before of",
    ),
    "negative nanos": (
        repository_pb2.PreviewScheduleRequest(after_time=Timestamp(nanos=-1)),
        "after_time of",
    ),
    "a large config": (
        launch(run_config=Struct(fields={"a": Value(string_value="x" * 2_000_000)})),
        "run config of 2000",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    request, words = REFUSED[what]
    with pytest.raises(RefusalError) as caught:
        require_valid(request, SETTINGS)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert words in caught.value.message


@pytest.mark.parametrize(
    "request_",
    [
        workspace_pb2.GetWorkspaceRequest(),
        workspace_pb2.GetLocationRequest(name="x" * 4096),
        workspace_pb2.ReloadLocationsRequest(names=["a"] * 10_000),
        launch(tags={str(n): "x" * 200 for n in range(256)}, timeout=Duration()),
        launch(timeout=Duration(seconds=-1, nanos=-1)),
        launch(timeout=Duration(seconds=315_576_000_000, nanos=999_999_999)),
        filtered(states=list(run_pb2.Run.State.values()), tags={"a": "b"}),
        filtered(create_time_from=Timestamp(seconds=-62_135_596_800)),
        filtered(create_time_before=Timestamp(seconds=253_402_300_799, nanos=999_999_999)),
        run_pb2.WatchRunRequest(after_sequence=2**63 - 1),
    ],
)
def test_taken(request_: Message) -> None:
    require_valid(request_, SETTINGS)
    json_format.MessageToJson(request_)  # a strict client reads it


def nested(depth: int, lists: bool) -> Value:
    value = Value(number_value=1)
    for _ in range(depth):
        if lists:
            value = Value(list_value=ListValue(values=[value]))
        else:
            value = Value(struct_value=Struct(fields={"a": value}))
    return value


NO_JSON: dict[str, tuple[Value, str]] = {
    "empty": (Value(), "an empty Value in a run config: k"),
    "empty in a list": (
        Value(list_value=ListValue(values=[Value(bool_value=True), Value()])),
        "an empty Value in a run config: k[1]",
    ),
    "empty in a mapping": (
        Value(struct_value=Struct(fields={"a": Value()})),
        "an empty Value in a run config: k.a",
    ),
    "NaN": (Value(number_value=math.nan), "nan"),
    "infinite": (Value(number_value=math.inf), "inf"),
    "minus infinite": (Value(list_value=ListValue(values=[Value(number_value=-math.inf)])), "-inf"),
    "deep": (nested(CONFIG_DEPTH, lists=False), "more than 30 levels"),
    "deep lists": (nested(CONFIG_DEPTH, lists=True), "more than 30 levels"),
}


@pytest.mark.parametrize("padding", [0, CONFIG_ON_LOOP])
@pytest.mark.parametrize("what", NO_JSON)
def test_a_config_without_a_form_in_json(what: str, padding: int) -> None:
    value, words = NO_JSON[what]
    config = Struct(fields={"p": Value(string_value="x" * padding), "k": value})
    with pytest.raises(RefusalError) as caught:
        asyncio.run(require_config(config, SETTINGS))
    assert words in caught.value.message


def test_a_config_as_deep_as_it_may_be_fits_into_an_answer_of_strict_clients() -> None:
    config = Struct(fields={"k": nested(CONFIG_DEPTH - 1, lists=False)})
    asyncio.run(require_config(config, SETTINGS))
    answer = run_pb2.ListRunsResponse(runs=[run_pb2.Run(run_config=config)])
    depth, pending = 0, [answer.SerializeToString()]
    assert pending
    found: Any = answer.runs[0].run_config
    while True:  # each level: the entry, the Value and the Struct
        depth += 3
        value = next(iter(found.fields.values()))
        if value.WhichOneof("kind") != "struct_value":
            break
        found = value.struct_value
    assert depth + 3 <= 100
