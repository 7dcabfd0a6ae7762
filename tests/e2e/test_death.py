"""kill -9 of each kind of process."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from e2e.harness import Daemon, alive, daemon_in, eventually

from hostler.client import ProcessDiedError
from hostler.v1 import run_pb2
from hostler.v1.workspace_pb2 import Location

CODE = """\
import os, time
from hostler.definitions import pipeline, repository, solid


@solid
def waits(context):
    context.log.info("under way")
    while not os.path.exists("go"):
        time.sleep(0.01)
    return 1


@pipeline
def waiting():
    waits()


def slowly():
    with open("constructing", "a") as file:
        file.write(f"{os.getpid()}\\n")
    while not os.path.exists("go"):
        time.sleep(0.01)
    return waiting


@repository
def eager():
    return [waiting]


@repository
def lazy():
    return {"pipelines": {"waiting": slowly}}
"""


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    daemon.write("repos.py", CODE)
    daemon.write("other.py", CODE)
    daemon.workspace.write_text(
        "load_from:\n  - python_file: repos.py\n  - python_file: other.py\n"
    )
    daemon.start()
    for name in ("repos.py", "other.py"):
        daemon.ready(name)
    return daemon


def launch(daemon: Daemon, location: str = "repos.py") -> run_pb2.Run:
    """Launches a run and waits until it is under way."""
    run = daemon.client.launch("waiting", location=location, repository="eager")
    with daemon.client.watch_run(run.name) as events:
        for event in events:
            if event.HasField("log_message"):
                break
    return daemon.client.run(run.name)


def outcome(daemon: Daemon, run: run_pb2.Run) -> run_pb2.Run:
    for _ in daemon.client.watch_run(run.name):
        pass
    return daemon.client.run(run.name)


def test_the_location_process(served: Daemon) -> None:
    run = launch(served)
    before = served.client.location("repos.py")
    os.kill(before.pid, signal.SIGKILL)
    began = time.monotonic()

    def back() -> bool:
        assert served.client.pipeline("repos.py", "eager", "waiting").solids
        now = served.client.location("repos.py")
        return now.pid not in (0, before.pid) and now.state == now.READY

    eventually(back, "another process serves")
    assert time.monotonic() - began < 5
    after = served.client.location("repos.py")
    assert after.generation == before.generation, "the same code, by another process"
    assert after.restarts == 1
    served.write("go", "")
    assert outcome(served, run).state == run_pb2.Run.SUCCEEDED, "the run belongs to the keeper"


def test_the_location_process_while_the_file_is_broken(served: Daemon) -> None:
    """The last good generation is revived from the sources that it was loaded from."""
    served.write("repos.py", "def broken(:\n")
    failed = served.in_state("repos.py", "FAILED")
    os.kill(failed.pid, signal.SIGKILL)
    eventually(lambda: served.client.location("repos.py").pid not in (0, failed.pid))
    served.write("go", "")
    run = served.client.launch("waiting", location="repos.py", repository="eager")
    assert outcome(served, run).state == run_pb2.Run.SUCCEEDED
    assert served.client.pipeline("repos.py", "lazy", "waiting").solids


def test_a_worker(served: Daemon) -> None:
    """The read is tried once more on another worker; then the caller is told."""
    call = served.client  # a thread-safe channel
    marks = served.folder / "constructing"
    import threading

    caught: list[ProcessDiedError] = []

    def read() -> None:
        with pytest.raises(ProcessDiedError) as error:
            call.pipeline("repos.py", "lazy", "waiting")
        caught.append(error.value)

    reader = threading.Thread(target=read)
    reader.start()
    killed: list[str] = []
    while len(killed) < 2:

        def worker() -> str | None:
            pids = marks.read_text().split() if marks.exists() else []
            return pids[-1] if len(pids) > len(killed) else None

        killed.append(eventually(worker, "a worker constructs"))
        os.kill(int(killed[-1]), signal.SIGKILL)
    reader.join()
    assert caught[0].details.metadata["signal"] == str(int(signal.SIGKILL))
    assert served.client.location("repos.py").restarts == 0
    served.write("go", "")
    assert served.client.pipeline("repos.py", "lazy", "waiting").solids


def test_a_worker_once(served: Daemon) -> None:
    import threading

    answers: list[str] = []
    reader = threading.Thread(
        target=lambda: answers.append(
            served.client.pipeline("repos.py", "lazy", "waiting").solids[0].name
        )
    )
    reader.start()
    marks = served.folder / "constructing"
    (pid,) = eventually(lambda: marks.exists() and marks.read_text().split())
    os.kill(int(pid), signal.SIGKILL)
    served.write("go", "")
    reader.join()
    assert answers == ["waits"]


def test_a_run(served: Daemon) -> None:
    first, second = launch(served), launch(served)
    os.kill(first.pid, signal.SIGKILL)
    ended = outcome(served, first)
    assert ended.state == run_pb2.Run.FAILED
    assert "SIGKILL" in ended.failure.message
    served.write("go", "")
    assert outcome(served, second).state == run_pb2.Run.SUCCEEDED


def test_the_keeper(served: Daemon) -> None:
    run = launch(served)
    before = {name: served.client.location(name).pid for name in ("repos.py", "other.py")}
    keeper = served.keeper_pid
    os.kill(keeper, signal.SIGKILL)

    def back() -> bool:
        for name in before:
            assert served.client.pipeline(name, "eager", "waiting").solids
        return all(served.client.location(name).pid not in (0, pid) for name, pid in before.items())

    eventually(back, "new processes under a new keeper")
    assert not any(alive(pid) for pid in (keeper, *before.values(), run.pid))
    assert served.keeper_pid != keeper
    ended = outcome(served, run)
    assert ended.state == run_pb2.Run.FAILED
    assert "keeper" in ended.failure.message
    served.write("go", "")
    again = served.client.launch("waiting", location="repos.py", repository="eager")
    assert outcome(served, again).state == run_pb2.Run.SUCCEEDED


def test_a_crash_loop_backs_off_and_disturbs_nobody(tmp_path: Path, source: str) -> None:
    with daemon_in(tmp_path, restart_first_delay="0.2", restart_jitter="0") as daemon:
        daemon.write(
            "crashing.py", "import os\nopen('tries', 'a').write('x')\nos.kill(os.getpid(), 9)\n"
        )
        daemon.write("good.py", source.format(name="good"))
        daemon.workspace.write_text(
            "load_from:\n  - python_file: crashing.py\n  - python_file: good.py\n"
        )
        daemon.start()
        good = daemon.ready("good.py")
        tries = tmp_path / "tries"
        eventually(lambda: tries.exists() and len(tries.read_text()) >= 4)
        # 0.2, 0.4, 0.8 s: the fourth try cannot be earlier
        assert psutil.Process(daemon.pid).create_time() + 1.4 < time.time()
        assert daemon.client.location("good.py").pid == good.pid
        assert "SIGKILL" in daemon.client.location("crashing.py").error.message


def test_a_process_that_dies_right_after_it_was_ready_backs_off(
    daemon: Daemon, source: str
) -> None:
    code = "import os, threading\nthreading.Timer(0.05, os._exit, (7,)).start()\n"
    daemon.write("repos.py", code + source.format(name="first"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start()

    def died() -> Location | None:
        now = daemon.client.location("repos.py")
        return now if now.state == now.BACKOFF and now.generation else None

    found = eventually(died, "back-off after it was ready")
    assert found.serving
    assert daemon.pipelines("repos.py") == ["first"]


def test_exit_125_asks_to_be_left_alone(daemon: Daemon) -> None:
    daemon.write("repos.py", "import sys, os\nos._exit(125)\n")
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start()
    assert "not to be restarted" in daemon.in_state("repos.py", "FAILED").error.message
