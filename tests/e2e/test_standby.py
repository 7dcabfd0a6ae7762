"""The standby: a fork of a location process that waits for the next run."""

import os
import signal
from pathlib import Path

import psutil
import pytest
from e2e.harness import Daemon, daemon_in, eventually

from hostler.v1.run_pb2 import Run

NAME = "repos.py"

CODE = """\
import os, random, subprocess, sys, time
from hostler.definitions import pipeline, repository, solid

VERSION = {version}


@solid
def tells(context):
    context.log.info(f"{{VERSION}} {{random.random()}} {{os.getpid()}}")
    return 1


@solid
def leaves(context):
    '''A process of its own session that outlives the solid.'''
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(sleeper, start_new_session=True)
    context.log.info(f"{{left.pid}}")
    return 1


@pipeline
def telling():
    tells()


@pipeline
def leaving():
    leaves()


@repository
def repo():
    return [telling, leaving]
"""


def prepared(daemon: Daemon, more: str = "") -> Daemon:
    daemon.write(NAME, CODE.format(version=1) + more + "\n")
    daemon.workspace.write_text(f"load_from:\n  - python_file: {NAME}\n")
    daemon.start().ready(NAME)
    return daemon


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    return prepared(daemon)


@pytest.fixture
def large(daemon: Daemon) -> Daemon:
    """Starts a daemon whose location process takes a while to end."""
    return prepared(daemon, "LARGE = b'.' * 300_000_000")


def run(daemon: Daemon, pipeline: str = "telling") -> tuple[int, list[str]]:
    """Executes a pipeline; returns the pid of the run process, and the words that it logged."""
    pid, words = 0, [""]
    launched = daemon.client.launch(pipeline)
    for event in daemon.client.watch_run(launched.name):
        if event.HasField("run_started"):
            pid = event.run_started.pid
        elif event.HasField("log_message"):
            words = event.log_message.message.split()
    assert daemon.client.run(launched.name).state == Run.SUCCEEDED
    return pid, words


def standby(daemon: Daemon, but: int = 0) -> int:
    """Waits until there is a standby; returns its pid."""

    def found() -> int:
        pid = daemon.client.location(NAME).standby_pid
        return pid if pid != but else 0

    return eventually(found, "a process waits for the next run")


def test_a_run_is_the_process_that_waited(served: Daemon) -> None:
    assert served.client.location(NAME).standby_pid == 0, "nothing was launched yet"
    _, (_, first, _) = run(served)
    waiting = standby(served)
    assert psutil.Process(waiting).ppid() == served.keeper_pid
    pid, (version, second, said) = run(served)
    assert pid == waiting == int(said)
    assert version == "1"
    assert first != second, "each draws numbers of its own"
    assert standby(served, but=waiting) not in {0, waiting}
    assert "next run" in _details(served)


def _details(daemon: Daemon) -> str:
    from hostler.cli.text.location_table import location_lines

    return "\n".join(location_lines(daemon.client.locations(), None, verbose=True))


def test_what_it_leaves_behind_ends_with_the_run(served: Daemon) -> None:
    run(served)
    waiting = standby(served)
    pid, (left,) = run(served, "leaving")
    assert pid == waiting
    eventually(lambda: not psutil.pid_exists(int(left)), "what the run has left has ended")
    assert served.client.location(NAME).pid, "and nothing else"
    assert psutil.pid_exists(standby(served))


def test_a_save_ends_it(served: Daemon) -> None:
    run(served)
    waiting = standby(served)
    served.write(NAME, CODE.format(version=2))
    served.ready(NAME, generation=2)
    pid, (version, _, _) = run(served)
    assert (pid != waiting, version) == (True, "2")
    eventually(lambda: not psutil.pid_exists(waiting), "the one of the code before has ended")


@pytest.mark.parametrize("killed", ["standby", "location", "both"])
def test_kill_9(served: Daemon, killed: str) -> None:
    run(served)
    waiting, location = standby(served), served.client.location(NAME).pid
    pids = {"standby": [waiting], "location": [location], "both": [location, waiting]}
    for each in pids[killed]:
        os.kill(each, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(waiting), "it has ended, whatever was killed")
    eventually(lambda: _serves_again(served, location, killed), "a process to fork from")
    pid, (version, _, _) = run(served)
    assert (pid != waiting, version) == (True, "1")
    standby(served, but=waiting)


def _serves_again(daemon: Daemon, before: int, killed: str) -> bool:
    now = daemon.client.location(NAME)
    is_another = now.pid not in {0, before}
    return now.state == now.READY and (is_another or killed == "standby")


def test_one_that_is_dying_is_not_taken(large: Daemon) -> None:
    """The kernel frees the memory of a large process before it closes its wire."""
    for _ in range(3):
        run(large)
        waiting = standby(large)
        os.kill(waiting, signal.SIGKILL)
        assert run(large)[0] != waiting


def test_one_that_does_not_answer_is_not_taken(served: Daemon) -> None:
    run(served)
    waiting = standby(served)
    os.kill(waiting, signal.SIGSTOP)
    assert run(served)[0] != waiting
    eventually(lambda: not psutil.pid_exists(waiting), "it is ended")


def test_a_location_that_was_stopped_has_none(large: Daemon) -> None:
    run(large)
    waiting = standby(large)
    large.client.stop(NAME)
    assert not psutil.pid_exists(waiting)


def test_it_does_not_wait_for_longer_where_a_fork_is_slow(tmp_path: Path) -> None:
    with daemon_in(tmp_path, run_standby="0.05") as daemon:
        prepared(daemon, "os.register_at_fork(before=lambda: time.sleep(0.2))")
        run(daemon)
        waiting = standby(daemon)
        eventually(lambda: not psutil.pid_exists(waiting), "nobody came")


def test_it_waits_for_a_while_only(tmp_path: Path) -> None:
    with daemon_in(tmp_path, run_standby="0.3") as daemon:
        run(prepared(daemon))
        waiting = standby(daemon)
        eventually(lambda: not daemon.client.location(NAME).standby_pid, "nobody came")
        eventually(lambda: not psutil.pid_exists(waiting), "it has ended")
        assert run(daemon)[0] != waiting


def test_none_waits_where_none_is_wanted(tmp_path: Path) -> None:
    with daemon_in(tmp_path, run_standby="0") as daemon:
        prepared(daemon)
        for _ in range(2):
            run(daemon)
        assert daemon.client.location(NAME).standby_pid == 0
        eventually(lambda: len(daemon.at_work()) == 3, "daemon, keeper, the location process")
