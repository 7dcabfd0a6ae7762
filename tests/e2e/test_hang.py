"""SIGSTOP: the stopped process is replaced, and no caller waits past its deadline."""

import os
import signal
import time

import pytest
from e2e.harness import Daemon, alive, eventually

from hostler.client import Client, DeadlineError
from hostler.v1 import repository_pb2, run_pb2

HEALTH = """\
load_from:
  - python_file:
      relative_path: repos.py
      health: {interval: 0.2, timeout: 0.3, failures: 2}
"""

LAZY = """\
import time
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return 1


@pipeline
def quick():
    one()


def sleeping():
    time.sleep(3600)


@repository
def repo():
    return {"pipelines": {"quick": lambda: quick, "sleeping": sleeping}}
"""


def test_a_stopped_location_process_is_replaced(daemon: Daemon) -> None:
    daemon.write("repos.py", LAZY)
    daemon.workspace.write_text(HEALTH)
    daemon.start()
    before = daemon.ready("repos.py")
    os.kill(before.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert daemon.pipelines("repos.py") == ["quick", "sleeping"], "from memory"
    # calls that need a process get one, whatever has become of the stopped one
    assert daemon.client.pipeline("repos.py", "repo", "quick").solids
    run = daemon.client.launch("quick", location="repos.py")
    for _ in daemon.client.watch_run(run.name):
        pass
    assert daemon.client.run(run.name).state == run_pb2.Run.SUCCEEDED
    after = eventually(
        lambda: (
            (now := daemon.client.location("repos.py")).pid not in (0, before.pid)
            and now.state == now.READY
            and now
        ),
        timeout=10,
    )
    assert time.monotonic() - began < 10
    assert after.generation == before.generation
    assert after.restarts == 1
    # TERM waits for SIGCONT; the stop grace of 10 s ends in KILL
    eventually(lambda: not alive(before.pid), "the stopped process is killed")


def test_no_caller_waits_past_its_deadline(daemon: Daemon) -> None:
    daemon.write("repos.py", LAZY)
    daemon.workspace.write_text(HEALTH)
    daemon.start().ready("repos.py")
    for timeout in (0.3, 1.0):
        with Client(daemon.socket, timeout=timeout) as client:
            client.workspace()  # the connection is there before the clock runs
            late, named = [], set()
            for _ in range(3):
                began = time.monotonic()
                with pytest.raises(DeadlineError) as caught:
                    client.pipeline("repos.py", "repo", "sleeping")
                late.append(time.monotonic() - began - timeout)
                named.add(caught.value.details.metadata.get("location"))
            assert min(late) < 0.1, "late each time: not the machine's noise"
            # on a busy machine the client's own clock may be faster than the daemon's answer
            assert "repos.py" in named
    # the deadline took the workers along; another read gets a new one
    assert daemon.client.pipeline("repos.py", "repo", "quick").solids
    eventually(lambda: len(daemon.at_work()) == 4, "daemon, keeper, location process, one worker")


def test_a_caller_that_goes_away_takes_its_work_along(daemon: Daemon) -> None:
    daemon.write("repos.py", LAZY)
    daemon.workspace.write_text(HEALTH)
    daemon.start().ready("repos.py")
    idle = daemon.at_work()
    call = daemon.client._repository.GetPipeline.future(_get("sleeping"))
    (worker,) = eventually(lambda: len(found := daemon.at_work() - idle) == 1 and found)
    call.cancel()
    eventually(lambda: not alive(worker), "the worker of the caller that left", timeout=5)


def _get(name: str) -> repository_pb2.GetPipelineRequest:
    return repository_pb2.GetPipelineRequest(
        name=f"locations/repos.py/repositories/repo/pipelines/{name}"
    )
