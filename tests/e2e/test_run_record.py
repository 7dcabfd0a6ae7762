"""The record of runs, with a real daemon: what survives, what waits, what is refused."""

from __future__ import annotations

import random
import re
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from e2e.harness import Daemon, alive, daemon_in, eventually
from e2e.run_storm import rage

from hostler.client import (
    InvalidArgumentError,
    NotFoundError,
    NotRecordedError,
    PreconditionError,
)
from hostler.rpc.address import grpc_target
from hostler.v1 import run_pb2, run_pb2_grpc
from hostler.v1.run_pb2 import Run, RunEvent

CODE = """\
import os, time
from hostler.definitions import Field, pipeline, repository, solid


@solid(config_schema={"large": Field(str, default="")})
def waits(context):
    context.log.info("under way")
    while not os.path.exists("go"):
        time.sleep(0.01)


@solid(config_schema={"lines": int})
def prints(context):
    for number in range(context.config["lines"]):
        print(number, "x" * 40)


@pipeline
def waiting():
    waits()


@pipeline
def chatty():
    prints()


@pipeline(tags={"team": "a", "db": "test", "hostler/backfill": "no"})
def tagged():
    waits()


def make_lazy():
    @pipeline(tags={"db": "prod"})
    def lazy():
        waits()

    return lazy


@repository
def repo():
    return {
        "pipelines": {
            "waiting": waiting, "chatty": chatty, "tagged": tagged, "lazy": make_lazy
        }
    }
"""


def prepared(daemon: Daemon) -> Daemon:
    daemon.write("repos.py", CODE)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return daemon


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    return prepared(daemon)


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Daemon]:
    """Starts a daemon that executes one run at a time."""
    with daemon_in(tmp_path, run_limit="1", stop_grace="1") as daemon:
        yield prepared(daemon)


def under_way(daemon: Daemon, run: Run) -> Run:
    """Waits until a run is under way."""
    for event in daemon.client.watch_run(run.name):
        if event.HasField("log_message"):
            break
    return daemon.client.run(run.name)


def outcome(daemon: Daemon, run: Run) -> Run:
    for _ in daemon.client.follow_run(run.name):
        pass
    return daemon.client.run(run.name)


def killed_and_started(daemon: Daemon) -> None:
    daemon.kill()
    daemon.start()


def chatter(lines: int) -> dict[str, object]:
    return {"solids": {"prints": {"config": {"lines": lines}}}}


def test_a_killed_daemon_interrupts_what_went_on_and_launches_what_waited(narrow: Daemon) -> None:
    client = narrow.client
    first = under_way(narrow, client.launch("waiting"))
    waiting = [client.launch("waiting", tags={"n": str(number)}) for number in range(3)]
    assert [run.state for run in waiting] == [Run.QUEUED] * 3
    killed_and_started(narrow)
    found = client.run(first.name)
    assert found.state == Run.INTERRUPTED, "from the first answer on"
    assert found.failure.message == ""
    eventually(lambda: not alive(first.pid))
    narrow.write("go", "")
    ended = [outcome(narrow, run) for run in waiting]
    assert {run.state for run in ended} == {Run.SUCCEEDED}
    starts = [run.start_time.ToNanoseconds() for run in ended]
    assert starts == sorted(starts), "in order"


def test_sigterm_interrupts_what_goes_on_and_keeps_the_queue(narrow: Daemon) -> None:
    first = under_way(narrow, narrow.client.launch("waiting"))
    second = narrow.client.launch("waiting")
    assert narrow.stop() == 0
    narrow.write("go", "")
    narrow.start()
    found = narrow.client.run(first.name)
    assert found.state == Run.INTERRUPTED
    *_, last = narrow.client.watch_run(first.name)
    assert last.run_interrupted.reason == "the daemon stopped"
    assert outcome(narrow, second).state == Run.SUCCEEDED


def test_a_run_of_the_queue_whose_pipeline_is_gone_fails(narrow: Daemon) -> None:
    under_way(narrow, narrow.client.launch("waiting"))
    second = narrow.client.launch("waiting")
    narrow.kill()
    narrow.write("repos.py", CODE.replace("waiting", "renamed"))
    narrow.start()
    failed = outcome(narrow, second)
    assert failed.state == Run.FAILED
    assert "has no pipeline 'waiting' any more" in failed.failure.message


def test_a_run_of_the_queue_waits_for_its_location(narrow: Daemon) -> None:
    under_way(narrow, narrow.client.launch("waiting"))
    second = narrow.client.launch("waiting")
    narrow.kill()
    narrow.write("go", "")
    narrow.write("repos.py", "def broken(:\n")
    narrow.start().in_state("repos.py", "FAILED")
    assert narrow.client.run(second.name).state == Run.QUEUED
    narrow.write("repos.py", CODE)
    assert outcome(narrow, second).state == Run.SUCCEEDED


def test_who_watches_across_a_restart_sees_every_event_once(narrow: Daemon) -> None:
    first = under_way(narrow, narrow.client.launch("waiting"))
    second = narrow.client.launch("waiting")
    seen: dict[str, list[RunEvent]] = {first.name: [], second.name: []}

    def watch(name: str) -> None:
        seen[name].extend(narrow.client.follow_run(name))

    watchers = [threading.Thread(target=watch, args=(name,)) for name in seen]
    for watcher in watchers:
        watcher.start()
    killed_and_started(narrow)
    narrow.write("go", "")
    for watcher in watchers:
        watcher.join()
    for name, events in seen.items():
        assert events == list(narrow.client.watch_run(name))
    assert seen[first.name][-1].HasField("run_interrupted")
    assert seen[second.name][-1].HasField("run_succeeded")


def test_cancel_in_the_queue(narrow: Daemon) -> None:
    under_way(narrow, narrow.client.launch("waiting"))
    second = narrow.client.launch("waiting")
    assert narrow.client.cancel_run(second.name).state == Run.CANCELED
    assert [event.WhichOneof("event") for event in narrow.client.watch_run(second.name)] == [
        "run_queued",
        "run_canceled",
    ]


def test_limits_of_a_location_and_of_a_tag(tmp_path: Path) -> None:
    with daemon_in(tmp_path, run_limit_location="2", run_limit_tags="db=prod:1") as daemon:
        prepared(daemon)
        tags = [{"db": "prod"}, {"db": "prod"}, {}, {}]
        runs = [daemon.client.launch("waiting", tags=each) for each in tags]
        under_way(daemon, runs[0])
        under_way(daemon, runs[2])
        assert daemon.client.run(runs[1].name).state == Run.QUEUED
        assert daemon.client.run(runs[3].name).state == Run.QUEUED
        daemon.write("go", "")
        assert {outcome(daemon, run).state for run in runs} == {Run.SUCCEEDED}


def test_the_tags_of_a_pipeline_are_on_its_runs(tmp_path: Path) -> None:
    with daemon_in(tmp_path, run_limit_tags="db=prod:1") as daemon:
        prepared(daemon)
        first = daemon.client.launch("tagged", tags={"db": "prod"}, request_id="r")
        assert dict(first.tags) == {"team": "a", "db": "prod"}
        assert [run.name for run in daemon.client.runs(tags={"team": "a"})] == [first.name]
        under_way(daemon, first)
        lazy = daemon.client.launch("lazy")
        assert dict(lazy.tags) == {"db": "prod"}
        assert daemon.client.run(lazy.name).state == Run.QUEUED, "its own tag counts"
        again = daemon.client.launch("tagged", tags={"db": "prod"}, request_id="r")
        assert again.name == first.name
        with pytest.raises(InvalidArgumentError, match="with another content"):
            daemon.client.launch("tagged", request_id="r")
        daemon.write("go", "")
        assert {outcome(daemon, run).state for run in (first, lazy)} == {Run.SUCCEEDED}


def test_a_launch_that_is_repeated(served: Daemon) -> None:
    first = served.client.launch("waiting", request_id="r", tags={"a": "b"})
    assert served.client.launch("waiting", request_id="r", tags={"a": "b"}).name == first.name
    with pytest.raises(InvalidArgumentError, match="with another content"):
        served.client.launch("waiting", request_id="r")
    with pytest.raises(InvalidArgumentError, match="at most 128"):
        served.client.launch("waiting", request_id="r" * 129)
    with pytest.raises(InvalidArgumentError, match="cannot use max_concurrency -1"):
        served.client.launch("waiting", max_concurrency=-1)
    under_way(served, first)
    killed_and_started(served)
    request = run_pb2.LaunchRunRequest(pipeline=first.pipeline, request_id="r", tags={"a": "b"})
    with grpc.insecure_channel(grpc_target(served.socket)) as channel:
        again = run_pb2_grpc.RunServiceStub(channel).LaunchRun(request)
    assert again.name == first.name, "also while the location is still loading"
    assert len(served.client.runs()) == 1


def test_a_timeout(served: Daemon) -> None:
    run = served.client.launch("waiting", timeout=0.3)
    ended = outcome(served, run)
    assert ended.state == Run.FAILED
    assert ended.failure.message == "the run took longer than its timeout of 0.3 s"
    eventually(lambda: not alive(ended.pid))


def test_delete(served: Daemon) -> None:
    run = under_way(served, served.client.launch("waiting"))
    with pytest.raises(PreconditionError, match="it has not ended; cancel it first"):
        served.client.delete_run(run.name)
    served.write("go", "")
    outcome(served, run)
    served.client.delete_run(run.name)
    for call in (served.client.run, served.client.delete_run):
        with pytest.raises(NotFoundError):
            call(run.name)
    assert served.client.runs() == []


def test_pages(served: Daemon) -> None:
    served.write("go", "")
    names = [served.client.launch("waiting").name for _ in range(5)][::-1]
    with grpc.insecure_channel(grpc_target(served.socket)) as channel:
        stub = run_pb2_grpc.RunServiceStub(channel)
        request = run_pb2.ListRunsRequest(page_size=2)
        pages = [stub.ListRuns(request)]
        served.client.launch("waiting")  # changes no order
        while pages[-1].next_page_token:
            request.page_token = pages[-1].next_page_token
            pages.append(stub.ListRuns(request))
        assert [[run.name for run in page.runs] for page in pages] == [
            names[:2],
            names[2:4],
            names[4:],
        ]
        request.filter.pipeline = "waiting"
        request.page_token = pages[0].next_page_token
        for token, message in (
            (pages[0].next_page_token, "with another parent or filter"),
            ("1-", "pass a next_page_token"),
            ("x", "pass a next_page_token"),
            ("9" * 30, "pass a next_page_token"),
        ):
            request.page_token = token
            with pytest.raises(grpc.RpcError) as caught:
                stub.ListRuns(request)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert message in (caught.value.details() or "")


def test_a_run_that_prints_faster_than_it_is_written(tmp_path: Path) -> None:
    lines = 100_000
    with daemon_in(tmp_path, run_backlog="100000") as daemon:
        prepared(daemon)
        before = psutil.Process(daemon.pid).memory_info().rss
        run = daemon.client.launch("chatty", chatter(lines))
        texts = [
            event.printed_line.text
            for event in daemon.client.watch_run(run.name)
            if event.HasField("printed_line")
        ]
        assert [int(text.split()[0]) for text in texts] == list(range(lines)), "nothing is dropped"
        assert psutil.Process(daemon.pid).memory_info().rss - before < 30_000_000


def test_a_full_disk_fails_the_run_and_the_daemon_goes_on(served: Daemon) -> None:
    """A limit on the size of the daemon's files stands for the disk: SQLite's writes fail."""
    idle = under_way(served, served.client.launch("waiting"))
    largest = max(path.stat().st_size for path in (served.folder / "state").glob("runs.db*"))
    limits = resource.prlimit(served.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.pid, resource.RLIMIT_FSIZE, (largest + 100_000, limits[1]))
    run = served.client.launch("chatty", chatter(20_000))
    eventually(lambda: "cannot write the record of a run" in served.log.read_text())
    config = {"solids": {"waits": {"config": {"large": "x" * 1_900_000}}}}
    with pytest.raises(NotRecordedError, match="cannot write the record of runs"):
        served.client.launch("waiting", config)
    assert served.client.run(idle.name).state == Run.RUNNING
    resource.prlimit(served.pid, resource.RLIMIT_FSIZE, limits)
    ended = outcome(served, run)
    assert ended.state == Run.FAILED
    assert "cannot write the record of the run: " in ended.failure.message
    served.write("go", "")

    def launched() -> Run | None:
        try:
            return served.client.launch("waiting")
        except NotRecordedError:  # the daemon looks once a second whether there is room again
            return None

    assert outcome(served, eventually(launched, "room is found")).state == Run.SUCCEEDED
    assert outcome(served, idle).state == Run.SUCCEEDED
    assert served.stop() == 0
    import sqlite3

    connection = sqlite3.connect(served.folder / "state" / "runs.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_two_daemons_in_one_state_folder(served: Daemon) -> None:
    import subprocess

    other = [*served.command(), "--socket", str(served.folder / "run" / "other.sock")]
    refused = subprocess.run(
        other, env=served.environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert refused.returncode == 1
    assert re.search(r"another daemon, with pid \d+, uses it", refused.stderr)
    assert "Traceback" not in refused.stderr


def test_a_storm(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 (repeats it)
    with daemon_in(tmp_path, restart_first_delay="0.1", stop_grace="1") as daemon:
        storm = rage(daemon, 30, seed)
        assert storm.killed
        assert "a task failed" not in daemon.log.read_text()
        assert "a call failed" not in daemon.log.read_text()
