"""The facade as a client of any language sees it: codes, details, health, reflection, paging."""

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from e2e.harness import Daemon, daemon_in, eventually
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from hostler.client import InvalidArgumentError, UserCodeError
from hostler.rpc.errors import ErrorDetails, unpack
from hostler.v1 import repository_pb2, repository_pb2_grpc, run_pb2, workspace_pb2
from hostler.v1.definitions_pb2 import PipelineSummary

MANY = """\
import os, time
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return 1


@pipeline
def alpha():
    one()


def make(number):
    @pipeline(name=f"p{number}")
    def made():
        one()

    return made


def raising():
    raise ValueError("no such table")


def counting():
    with open("constructed", "a") as file:
        file.write("x")
    while not os.path.exists("go"):
        time.sleep(0.01)
    return alpha


@repository
def repo():
    return {"pipelines": {"raising": raising, "alpha": counting}}


@repository
def eager():
    return [make(n) for n in range(5)]
"""


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    daemon.write("repos.py", MANY)
    daemon.write("broken.py", "undefined\n")
    daemon.write("sleeping.py", "import time\ntime.sleep(600)\n")
    daemon.workspace.write_text(
        "load_from:\n"
        "  - python_file: repos.py\n"
        "  - python_file: broken.py\n"
        "  - python_file: sleeping.py\n"
    )
    daemon.start().ready("repos.py")
    eventually(lambda: daemon.client.location("broken.py").HasField("error"))
    return daemon


@pytest.fixture
def stub(served: Daemon) -> repository_pb2_grpc.RepositoryServiceStub:
    return served.client._repository


def refused(call: Callable[..., object], request: object) -> tuple[str, ErrorDetails]:
    """Makes a call that is refused; returns the name of the code, and the details."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=10)
    error: Any = caught.value
    return error.code().name, unpack(error.trailing_metadata())


NAME = "locations/{}/repositories/{}/pipelines/{}"


@pytest.mark.parametrize(
    ("name", "code", "reason", "words"),
    [
        (NAME.format("repo.py", "repo", "alpha"), "NOT_FOUND", "UNKNOWN_NAME", "repos.py"),
        (NAME.format("repos.py", "rep", "alpha"), "NOT_FOUND", "UNKNOWN_NAME", "'repo'"),
        (NAME.format("repos.py", "repo", "alpah"), "NOT_FOUND", "UNKNOWN_NAME", "'alpha'"),
        ("locations/repos.py", "INVALID_ARGUMENT", "INVALID_ARGUMENT", "expected locations/{"),
        (
            NAME.format("broken.py", "repo", "alpha"),
            "FAILED_PRECONDITION",
            "LOAD_FAILED",
            "undefined",
        ),
        (NAME.format("sleeping.py", "repo", "p"), "UNAVAILABLE", "NOT_READY", "first time"),
        (NAME.format("repos.py", "repo", "raising"), "FAILED_PRECONDITION", "USER_CODE", "no such"),
    ],
)
def test_codes_and_details(
    stub: repository_pb2_grpc.RepositoryServiceStub, name: str, code: str, reason: str, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetPipeline(repository_pb2.GetPipelineRequest(name=name), timeout=10)
    error: Any = caught.value
    details = unpack(error.trailing_metadata())
    assert (error.code().name, details.reason) == (code, reason)
    assert words in error.details()
    assert (details.retry_delay is not None) == (reason == "NOT_READY")
    assert bool(details.traceback) == (reason in ("LOAD_FAILED", "USER_CODE"))
    assert "hostler/host" not in (details.traceback or ""), "a frame of ours"
    if words.startswith("'"):
        assert details.nearest[0] == words.strip("'")


def test_health_follows_the_locations(served: Daemon) -> None:
    channel = served.client._channel
    stub: Any = health_pb2_grpc.HealthStub(channel)

    def status(service: str) -> str:
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    def is_serving(service: str) -> bool:
        return status(service) == "SERVING"

    for service in ("", "hostler.v1.RunService", "locations/repos.py"):
        eventually(functools.partial(is_serving, service), service)
    assert status("locations/broken.py") == "NOT_SERVING"
    assert status("locations/sleeping.py") == "NOT_SERVING"


def test_reflection_lists_the_services(served: Daemon) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(served.client._channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]))
    names = {each.name for each in answer.list_services_response.service}
    assert {f"hostler.v1.{each}Service" for each in ("Workspace", "Repository", "Run")} <= names
    assert {f"grpc.reflection.{each}.ServerReflection" for each in ("v1", "v1alpha")} <= names


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(
    "symbol",
    [
        "hostler.v1.RunService.GetRun",
        "hostler.v1.Run.QUEUED",
        "grpc.health.v1.Health.List",
        "grpc.reflection.v1.ServerReflection",
    ],
)
def test_reflection_gives_the_file_of_a_symbol(served: Daemon, version: str, symbol: str) -> None:
    ask = served.client._channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
    (answer,) = ask(iter([request]))
    found = answer.file_descriptor_response.file_descriptor_proto
    files = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in found]
    assert symbol.startswith(files[0].package)
    assert {name for file in files for name in file.dependency} <= {file.name for file in files}
    if symbol.startswith("hostler"):
        assert any(each.leading_comments for each in files[0].source_code_info.location)
    unknown = reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"{symbol}.x")
    (answer,) = ask(iter([unknown]))
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_health_lists_what_it_knows(served: Daemon) -> None:
    stub: Any = health_pb2_grpc.HealthStub(served.client._channel)
    messages: Any = health_pb2
    statuses = stub.List(messages.HealthListRequest()).statuses
    assert statuses[""].status == health_pb2.HealthCheckResponse.SERVING
    assert statuses["hostler.v1.RunService"].status == health_pb2.HealthCheckResponse.SERVING
    assert statuses["locations/broken.py"].status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_paging(stub: repository_pb2_grpc.RepositoryServiceStub) -> None:
    parent = "locations/-/repositories/-"
    whole = stub.ListPipelines(repository_pb2.ListPipelinesRequest(parent=parent)).pipelines
    paged: list[PipelineSummary] = []
    token = ""
    while True:
        page = stub.ListPipelines(
            repository_pb2.ListPipelinesRequest(parent=parent, page_size=3, page_token=token)
        )
        assert len(page.pipelines) <= 3
        paged += page.pipelines
        token = page.next_page_token
        if not token:
            break
    assert paged == list(whole)
    absent = ["locations/broken.py", "locations/sleeping.py"]
    for size in (0, 3):
        asked = repository_pb2.ListPipelinesRequest(parent=parent, page_size=size)
        assert stub.ListPipelines(asked).unreachable == absent
    code, _ = refused(
        stub.ListPipelines, repository_pb2.ListPipelinesRequest(parent=parent, page_token="?")
    )
    assert code == "INVALID_ARGUMENT"


def test_a_lazy_pipeline_is_constructed_once_for_all(served: Daemon) -> None:
    answers: list[int] = []
    readers = [
        threading.Thread(
            target=lambda: answers.append(
                len(served.client.pipeline("repos.py", "repo", "alpha").solids)
            )
        )
        for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    constructed = served.folder / "constructed"
    eventually(constructed.exists)
    served.write("go", "")
    for reader in readers:
        reader.join()
    assert answers == [1] * 8
    assert served.client.pipeline("repos.py", "repo", "alpha").solids
    assert constructed.read_text() == "x"


def test_a_watch_begins_with_the_present_and_can_be_resumed(served: Daemon) -> None:
    with served.client.watch() as changes:
        first = next(changes)
        assert [each.name for each in first.workspace.locations] == [
            "locations/repos.py",
            "locations/broken.py",
            "locations/sleeping.py",
        ]
        served.client.reload("repos.py")
        seen = [next(changes) for _ in range(2)]
    assert [each.location.state for each in seen] == [
        workspace_pb2.Location.RELOADING,
        workspace_pb2.Location.READY,
    ]
    with served.client.watch(after_revision=first.revision) as again:
        assert [next(again).revision for _ in range(2)] == [each.revision for each in seen]


def test_runs_can_be_watched_from_any_event(served: Daemon) -> None:
    events = list(served.client.execute("p0", location="repos.py"))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    run = served.client.runs()[0]
    assert run.state == run_pb2.Run.SUCCEEDED
    assert list(served.client.watch_run(run.name, after=3)) == events[3:]
    assert run.last_sequence == len(events)


def test_a_run_config_that_does_not_fit(served: Daemon) -> None:
    config = {"solids": {"one": {"config": {"x": 1}, "input": {}}}}
    before = served.client.runs()
    with pytest.raises(InvalidArgumentError, match=r"solids\.one\.config\.x") as caught:
        served.client.launch("p0", config, location="repos.py")
    assert [field for field, _ in caught.value.details.violations] == [
        *("run_config.solids.one.input", "run_config.solids.one.config.x"),
    ]
    found = served.client.validate("p0", config, location="repos.py")
    assert [each.path for each in found.problems] == ["solids.one.input", "solids.one.config.x"]
    assert not served.client.validate("p0", {"solids": None}, location="repos.py").problems
    with pytest.raises(InvalidArgumentError, match='did you mean "one"') as caught:
        served.client.launch("p0", location="repos.py", solids=["*onee"])
    assert [field for field, _ in caught.value.details.violations] == ["solids"]
    assert served.client.runs() == before, "a refused launch is recorded"


def test_a_lazy_pipeline_that_cannot_be_constructed_is_not_launched(served: Daemon) -> None:
    with pytest.raises(UserCodeError, match="no such table"):
        served.client.launch("raising", location="repos.py")
    with pytest.raises(UserCodeError):
        served.client.validate("raising", location="repos.py")


def test_the_schema_of_a_run_config(served: Daemon) -> None:
    schema = served.client.config_schema("p0", location="repos.py", solids=["one"])
    assert schema["properties"]["solids"]["properties"]["one"]["properties"]["config"] == {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {},
    }
    with pytest.raises(InvalidArgumentError, match="nothing"):
        served.client.config_schema("p0", location="repos.py", solids=["nothing"])


def test_too_many_calls_and_too_large_answers(tmp_path: Path) -> None:
    with daemon_in(tmp_path, in_flight_limit="2", message_limit="2048") as daemon:
        daemon.write("repos.py", MANY + "\n" + "# " + "x" * 10)
        daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
        daemon.start().ready("repos.py")
        stub: repository_pb2_grpc.RepositoryServiceStub = daemon.client._repository
        request = repository_pb2.GetPipelineRequest(name=NAME.format("repos.py", "repo", "alpha"))
        waiting = [stub.GetPipeline.future(request) for _ in range(2)]
        eventually((daemon.folder / "constructed").exists)
        code, details = refused(stub.GetPipeline, request)
        assert code == "RESOURCE_EXHAUSTED"
        assert details.retry_delay is not None
        daemon.write("go", "")
        assert all(call.result().solids for call in waiting)
        big = "".join(
            f"    solid_number_{n} = one.alias('solid_number_{n}')()\n" for n in range(200)
        )
        daemon.write("repos.py", MANY.replace("def alpha():\n", "def alpha():\n" + big))
        eventually(lambda: daemon.client.location("repos.py").generation == 2)
        code, details = refused(stub.GetPipeline, request)
        assert code == "RESOURCE_EXHAUSTED"
        assert details.retry_delay is None
        assert details.metadata["limit"] == "2048"
