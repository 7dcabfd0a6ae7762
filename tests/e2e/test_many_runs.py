"""Many runs at once: watched, counted, cancelled and deleted; and the steps of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import Daemon, daemon_in, eventually

from hostler.client import InvalidArgumentError, Stream
from hostler.v1.run_pb2 import DeleteRunsRequest, Run, Step, WatchRunsResponse

CODE = """\
import os, time
from hostler.definitions import Output, OutputDefinition, RetryPolicy, pipeline, repository, solid


@solid
def first(context):
    return 1


@solid(retry_policy=RetryPolicy(max_retries=1))
def again(context, n: int) -> int:
    if not os.path.exists("tried"):
        open("tried", "w").close()
        raise ValueError("not yet")
    return n


@solid
def waits(context, n: int):
    while not os.path.exists("go"):
        time.sleep(0.01)


@solid(outputs=[OutputDefinition("some", is_required=False)])
def gives_nothing(context):
    if False:
        yield Output(1, "some")


@solid
def skipped(context, n: int):
    pass


@pipeline
def whole():
    waits(again(first()))
    skipped(gives_nothing())


@pipeline
def short():
    first()


@repository
def repo():
    return [whole, short]
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with daemon_in(tmp_path, run_limit="1", stop_grace="1") as daemon:
        daemon.write("repos.py", CODE)
        daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
        daemon.start().ready("repos.py")
        yield daemon


def until_ended(watch: Stream[WatchRunsResponse], name: str) -> list[WatchRunsResponse]:
    seen = []
    for message in watch:
        seen.append(message)
        if message.run.name == name and message.run.HasField("end_time"):
            return seen
    raise AssertionError("the watch has ended")


def test_a_watch_of_all_runs_has_their_progress(daemon: Daemon) -> None:
    client = daemon.client
    with client.watch_runs() as watch, client.watch_runs(states=[Run.QUEUED]) as queued:
        assert not next(watch).snapshot.runs
        assert not next(queued).snapshot.runs
        run = client.launch("whole")
        assert run.progress.total == 5

        def is_waiting() -> bool:
            progress = client.run(run.name).progress
            return progress.retries == progress.running == 1 and progress.succeeded >= 2

        eventually(is_waiting)
        assert client.runs()[0].progress.running == 1
        with client.watch_runs(pipeline="whole") as another:
            (found,) = next(another).snapshot.runs
            assert (found.name, found.state, found.progress.running) == (run.name, Run.RUNNING, 1)
            assert not found.HasField("run_config")
        daemon.write("go", "")
        seen = until_ended(watch, run.name)
        assert [message.run.state for message in seen][-1] == Run.SUCCEEDED
        done = seen[-1].run.progress
        assert (done.succeeded, done.skipped, done.retries) == (4, 1, 1)
        assert [done.running, done.failed, done.stopped] == [0, 0, 0]
        told = next(queued)
        if told.HasField("run"):  # else it was started before the watch was read
            assert told.run.state == Run.QUEUED
            told = next(queued)
        assert told.removed_run == run.name, "its state fits no longer"
    assert client.run(run.name).progress == done
    steps = {step.name.rpartition("/")[2]: step for step in client.steps(run.name)}
    assert [step.state for step in steps.values()].count(Step.SUCCEEDED) == 4
    assert steps["skipped"].state == Step.SKIPPED
    assert (steps["again"].attempt_count, len(steps["again"].attempts)) == (2, 2)
    assert steps["waits"].duration.ToNanoseconds() > 0


def test_a_watch_is_resumed(daemon: Daemon) -> None:
    daemon.write("go", "")
    client = daemon.client
    with client.watch_runs() as watch:
        token = next(watch).resume_token
    names = [client.launch("short").name for _ in range(3)]
    eventually(lambda: client.count_runs() == {Run.SUCCEEDED: 3})
    with client.watch_runs(after=token) as watch:
        seen = until_ended(watch, names[-1])
    assert not seen[0].HasField("snapshot")
    assert {message.run.name for message in seen} == set(names)
    client.delete_runs([names[0]])
    with client.watch_runs(after=seen[-1].resume_token) as watch:
        assert next(watch).removed_run == names[0]
    daemon.kill()
    daemon.start().ready("repos.py")
    with daemon.client.watch_runs(after=seen[-1].resume_token) as watch:
        assert [run.name for run in next(watch).snapshot.runs] == names[:0:-1]


def test_many_are_cancelled_and_deleted(daemon: Daemon) -> None:
    client = daemon.client
    blocking = client.launch("whole")
    eventually(lambda: client.run(blocking.name).state == Run.RUNNING)
    waiting = [client.launch("short", tags={"n": str(n % 2)}).name for n in range(20)]
    assert client.count_runs() == {Run.QUEUED: 20, Run.RUNNING: 1}
    assert client.count_runs(tags={"n": "1"}) == {Run.QUEUED: 10}
    done = client.cancel_runs(tags={"n": "1"})
    assert (done.canceled_count, done.unchanged_count, done.has_more) == (10, 0, False)
    named = client.cancel_runs([waiting[1], waiting[0], waiting[0], "runs/none", "runs/x/y"])
    assert (named.canceled_count, named.unchanged_count, named.problem_count) == (1, 1, 2)
    assert {each.name: each.reason for each in named.problems} == {
        "runs/none": "UNKNOWN_NAME",
        "runs/x/y": "INVALID_ARGUMENT",
    }
    assert client.cancel_runs(states=[Run.SUCCEEDED]).canceled_count == 0
    assert client.cancel_runs(kill=True).canceled_count == 10
    eventually(lambda: client.count_runs() == {Run.CANCELED: 21})
    deleted = client.delete_runs(pipeline="short", tags={"n": "0"})
    assert (deleted.deleted_count, deleted.problem_count) == (10, 0)
    last = client.launch("whole")
    refused = client.delete_runs([last.name, waiting[1]])
    assert (refused.deleted_count, refused.problem_count) == (1, 1)
    assert refused.problems[0].reason == "RUN_GOES_ON"
    assert client.delete_runs().deleted_count == 10
    assert [run.name for run in client.runs()] == [last.name]
    with pytest.raises(InvalidArgumentError, match="neither of names and filter"):
        client._unary(client._run.DeleteRuns, DeleteRunsRequest())
