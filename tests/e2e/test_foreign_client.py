"""A client of another make: Node's @grpc/grpc-js, with its own defaults, hostile and not."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from e2e.harness import PATIENCE, Daemon, daemon_in, eventually
from google.rpc import status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).with_name("foreign_client.cjs")
CONTRACT = Path(__file__).parents[2] / "rpc"
#: Where the messages of google.rpc lie as .proto files.
GOOGLE = Path(status_pb2.__file__).parents[2]
PACKAGES = ("@grpc/grpc-js@1.14", "@grpc/proto-loader@0.8")

OK, INVALID, DEADLINE, NOT_FOUND, EXHAUSTED, PRECONDITION, UNAVAILABLE = 0, 3, 4, 5, 8, 9, 14

CODE = """\
import time
from typing import Any

from hostler.definitions import Field, pipeline, repository, solid


@solid(config_schema={"a": Field(Any, is_required=False)})
def one(context):
    return 1


@solid
def sleep(context):
    time.sleep(600)


@pipeline
def good():
    one()


@pipeline
def long():
    sleep()


def raising():
    raise ValueError("no such table")


def hanging():
    time.sleep(600)


@repository
def repo():
    return {"pipelines": {"good": good, "long": long, "raising": raising, "hanging": hanging}}
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installs the packages; returns the folder in which node finds them."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing: no client of another make")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    subprocess.run(command, cwd=folder, check=True, timeout=100)
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon_in(tmp_path_factory.mktemp("served"), stop_grace="1") as daemon:
        yield start(daemon)


def start(daemon: Daemon) -> Daemon:
    daemon.write("repos.py", CODE)
    daemon.write("other.py", CODE)
    entries = "load_from:\n  - python_file: repos.py\n  - python_file: other.py\n"
    daemon.workspace.write_text(entries)
    daemon.start().ready("repos.py")
    daemon.ready("other.py")
    return daemon


def command(modules: Path, scenario: str, daemon: Daemon) -> list[str]:
    node = shutil.which("node")
    assert node is not None
    folders = (str(daemon.socket), str(CONTRACT), str(GOOGLE))
    return [node, str(modules / SCRIPT.name), scenario, *folders]


def play(modules: Path, scenario: str, daemon: Daemon) -> Any:
    done = subprocess.run(
        command(modules, scenario, daemon), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_details_of_errors(modules: Path, served: Daemon) -> None:
    found = play(modules, "details", served)
    unknown, raising = found["unknown"], found["raising"]
    assert unknown["code"] == NOT_FOUND
    assert unknown["ErrorInfo"]["domain"] == "hostler"
    assert unknown["NearestNames"]["names"][0] == "good"
    assert unknown["ResourceInfo"]["resource_type"] == "pipeline"
    assert raising["code"] == PRECONDITION
    assert raising["ErrorInfo"]["reason"] == "USER_CODE"
    assert raising["ResourceInfo"]["resource_name"].endswith("/pipelines/raising")
    assert "'raising'" in raising["message"]
    assert "no such table" in raising["message"]
    assert "no such table" in raising["DebugInfo"]["detail"]
    assert found["invalid"]["code"] == INVALID
    assert found["run"]["code"] == NOT_FOUND
    violations = found["wrong"]["BadRequest"]["field_violations"]
    assert [each["field"] for each in violations] == ["run_config.solids.two"]
    assert "unknown" in violations[0]["description"]
    problems = found["problems"]["answer"]["problems"]
    assert [(each["field"], each["path"]) for each in problems] == [("run_config", "solids.two")]
    schema = json.loads(found["schema"]["answer"]["json_schema"])
    assert list(schema["properties"]["solids"]["properties"]) == ["one"]


def test_many_runs(modules: Path, served: Daemon) -> None:
    found = play(modules, "many", served)
    assert (found["first"], found["state"]) == ("snapshot", "SUCCEEDED")
    assert (found["progress"]["total"], found["progress"]["succeeded"]) == (1, 1)
    assert found["counts"]["answer"]["counts"][0]["state"] == "SUCCEEDED"
    (step,) = found["steps"]["answer"]["steps"]
    assert step["name"].endswith("/steps/one")
    assert (step["state"], step["attempt_count"]) == ("SUCCEEDED", 1)
    canceled = found["canceled"]["answer"]
    assert (canceled["unchanged_count"], canceled["problems"][0]["reason"]) == (1, "UNKNOWN_NAME")
    assert found["nothing"]["code"] == INVALID
    assert found["deleted"]["answer"]["deleted_count"] == 1
    assert found["foreign"]["code"] == INVALID


def test_a_deadline_names_the_location(modules: Path, served: Daemon) -> None:
    found = play(modules, "deadline", served)
    assert found["code"] == DEADLINE
    assert found["ErrorInfo"]["reason"] == "DEADLINE"
    assert found["ErrorInfo"]["metadata"]["location"] == "repos.py"


def test_pings_each_second_end_no_idle_stream(modules: Path, served: Daemon) -> None:
    found = play(modules, "keepalive", served)
    assert found["ended"] is None
    assert found["after"]["code"] == OK


def test_hostile_requests_are_refused_and_nobody_waits(modules: Path, served: Daemon) -> None:
    found = play(modules, "hostile", served)
    messages = {what: answer["message"] for what, answer in found["found"].items()}
    for what, words in (
        ("an empty Value in a list", "a[0]"),
        ("not a number", "nan"),
        ("31 levels", "30 levels"),
        ("a config of 2.5 MB", "config_bytes"),
        ("a name of 90 MB", "request_bytes"),
        ("one name 20,000 times", "list_limit"),
    ):
        assert words in messages[what], (what, messages[what])
    for what, answer in found["found"].items():
        assert (answer["code"], answer["reason"]) == (INVALID, "INVALID_ARGUMENT"), (what, answer)
        assert answer["read"] == OK, what
        assert answer["readTook"] < 5, (what, answer)
    assert found["runs"]["code"] == OK
    assert found["runs"]["answer"].get("runs", []) == []
    assert found["reloaded"] == 1
    assert found["tookToReload"] < 5
    assert found["launch"] == OK


def test_a_location_that_hangs_keeps_nobody_out(modules: Path, served: Daemon) -> None:
    found = play(modules, "hang", served)
    served.client.start("repos.py")
    assert found["refused"]["code"] == EXHAUSTED
    assert found["refused"]["ErrorInfo"]["metadata"]["location"] == "repos.py"
    assert found["refused"]["RetryInfo"]["retry_delay"]
    assert found["codes"][str(EXHAUSTED)] == 900
    assert set(found["reads"]) == {OK}
    assert found["slowest"] < 5
    assert (found["list"], found["other"], found["runs"]) == (OK, OK, OK)
    assert found["stopped"]["code"] == OK
    assert found["stopped"]["answer"]["state"] == "STOPPED"


def test_streams_are_bounded_and_come_back(modules: Path, served: Daemon) -> None:
    found = play(modules, "streams", served)
    assert found["open"] == 1500
    assert found["codes"] == [EXHAUSTED]
    assert found["refused"]["RetryInfo"]["retry_delay"]
    assert found["read"] == OK
    assert found["again"] == "begun"


def test_pages_fit_into_the_four_megabytes_of_every_client(modules: Path, served: Daemon) -> None:
    found = play(modules, "pages", served)
    assert found["code"] == OK
    assert len(found["names"]) == len(set(found["names"])) >= 8
    assert max(found["pages"]) <= 2 or len(found["pages"]) > 3
    assert len(served.client.runs()) >= 8


def test_the_end_of_the_daemon_is_told(modules: Path, tmp_path: Path) -> None:
    with daemon_in(tmp_path, stop_grace="1") as daemon:
        start(daemon)
        with subprocess.Popen(
            command(modules, "end", daemon), stdout=subprocess.PIPE, text=True
        ) as node:
            assert node.stdout is not None
            assert node.stdout.readline() == "open\n"
            eventually(lambda: daemon.client.runs()[0].pid)
            daemon.client.close()
            assert daemon._process is not None
            daemon._process.send_signal(signal.SIGTERM)
            found = json.loads(node.stdout.readline())
            assert node.wait(PATIENCE) == 0
        assert set(found) == {"call", "workspace", "logs", "run"}
        for what in ("call", "workspace", "logs"):
            end = found[what]
            reason = end.get("ErrorInfo", {}).get("reason")
            assert (end["code"], reason) == (UNAVAILABLE, "SHUTTING_DOWN"), (what, end)
            assert "start it with" not in end["message"]
        # the run's own end is told; the watch ends with it, or with the daemon
        assert found["run"]["code"] in (OK, UNAVAILABLE)
        daemon._client = None
