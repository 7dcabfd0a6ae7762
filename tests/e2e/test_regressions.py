"""Faults that a review found, each as a user would meet it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from e2e.harness import Daemon, alive, daemon_in, eventually

from hostler.client import Client, HostlerError, InvalidArgumentError, StoppedError
from hostler.v1 import repository_pb2, run_pb2, workspace_pb2

LAZY = """\
import os, time
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return 1


@pipeline
def p():
    one()


def slowly():
    with open("constructing", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)


@repository
def repo():
    return {"pipelines": {"p": p, "slow": slowly}}
"""


def serve(daemon: Daemon, source: str, settings: str = "") -> workspace_pb2.Location:
    daemon.write("repos.py", source)
    entry = "load_from:\n  - python_file:\n      relative_path: repos.py\n"
    daemon.workspace.write_text(entry + settings)
    return daemon.start().ready("repos.py")


def test_watching_after_what_has_not_happened_yet(daemon: Daemon) -> None:
    serve(daemon, LAZY)
    run = daemon.client.execute("p")
    list(run)
    assert list(daemon.client.watch_run(run.name, after=1000)) == []
    with daemon.client.watch(after_revision=10**6, history=True) as changes:
        assert next(changes).HasField("workspace")
    assert daemon.pipelines("repos.py") == ["p", "slow"]


def test_a_run_whose_code_does_not_load_again_can_be_cancelled(daemon: Daemon) -> None:
    second = "import os, time\nif os.path.exists('loaded'): time.sleep(600)\nopen('loaded', 'w')\n"
    serve(daemon, second + LAZY, "      fork: never\n")
    run = daemon.client.launch("p")
    daemon.client.cancel_run(run.name)
    *_, last = daemon.client.watch_run(run.name)
    assert last.HasField("run_canceled")
    again = daemon.client.launch("p")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 15
    assert again.name


def test_a_load_timeout_holds_for_runs_too(daemon: Daemon) -> None:
    second = "import os, time\nif os.path.exists('loaded'): time.sleep(600)\nopen('loaded', 'w')\n"
    serve(daemon, second + LAZY, "      fork: never\n      load_timeout: 1\n")
    *_, last = daemon.client.execute("p")
    assert "load_timeout" in last.run_failed.failure.message


def test_nothing_is_started_while_the_daemon_stops(tmp_path: Path) -> None:
    release = tmp_path / "release"
    stubborn = f"""
from hostler.definitions import pipeline, solid
@solid
def hold_on(context):
    import pathlib, signal, time
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    context.log.info("holds on")
    while not pathlib.Path({str(release)!r}).exists():
        time.sleep(0.01)
@pipeline
def held():
    hold_on()
"""
    with daemon_in(tmp_path, stop_grace="60") as daemon:
        serve(daemon, stubborn + LAZY.replace('"p": p', '"p": p, "held": held'))
        run = daemon.client.launch("held")
        for event in daemon.client.watch_run(run.name):
            if event.HasField("log_message"):
                break
        os.kill(daemon.pid, signal.SIGTERM)
        eventually(lambda: "stopping" in daemon.log.read_text())
        for call in (daemon.client.reload, lambda: daemon.client.launch("p", location="repos.py")):
            with pytest.raises(HostlerError) as caught:
                call()
            assert caught.value.details.reason in ("SHUTTING_DOWN", "STOPPED")
        release.touch()
        assert daemon.wait() == 0


def test_file_names_that_are_not_utf_8(daemon: Daemon) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    daemon.write(f"data/{name}", "1")
    serve(daemon, LAZY, "      watch: ['data/*.csv']\n")
    daemon.write(f"data/{name}", "2")
    changed = daemon.ready("repos.py", generation=2)
    assert changed.last_changes.files[0].endswith("caf\\udce9.csv")


def test_a_log_that_nobody_reads_stops_nothing(daemon: Daemon, source: str) -> None:
    daemon.write("repos.py", source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.socket.parent.mkdir()
    process = subprocess.Popen(daemon.command(), stderr=subprocess.PIPE, env=daemon.environ)
    try:
        assert process.stderr is not None
        process.stderr.readline()
        with Client(daemon.socket, timeout=5) as client:
            eventually(daemon.socket.exists)
            # more than the 64 KiB that the pipe takes
            long = "x" * 2000
            for number in range(60):
                daemon.write("repos.py", f"# {long}{number}\nraise ValueError('{long}{number}')\n")
                client.reload("repos.py")
            assert client.workspace().locations
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_numbers_that_json_has_not(daemon: Daemon) -> None:
    serve(daemon, LAZY)
    request = run_pb2.LaunchRunRequest(pipeline="locations/repos.py/repositories/repo/pipelines/p")
    request.run_config["solids"] = {"one": {"inputs": [float("inf")]}}
    with pytest.raises(InvalidArgumentError):
        daemon.client._unary(daemon.client._run.LaunchRun, request)


def test_start_of_what_runs_changes_nothing(daemon: Daemon, source: str) -> None:
    serve(daemon, source.format(name="first"))
    daemon.client.start("repos.py")
    daemon.write("repos.py", source.format(name="second"))
    eventually(lambda: daemon.pipelines("repos.py") == ["second"])


def test_stop_ends_what_constructs(daemon: Daemon) -> None:
    serve(daemon, LAZY)
    call = daemon.client._repository.GetPipeline.future(_slow())
    marks = daemon.folder / "constructing"
    eventually(marks.exists)
    stopped = daemon.client.stop("repos.py")
    assert stopped.state == stopped.STOPPED
    (pid,) = marks.read_text().split()
    assert not alive(int(pid))
    assert call.exception() is not None
    with pytest.raises(StoppedError):
        daemon.pipelines("repos.py")
    eventually(lambda: len(daemon.at_work()) == 2, "the daemon and its keeper")
    assert marks.read_text().split() == [pid], "no other worker has begun"


def test_a_location_that_is_removed_and_added_again(tmp_path: Path) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    with daemon_in(tmp_path, stop_grace="1") as daemon:
        before = serve(daemon, stubborn + LAZY).pid
        entry = daemon.workspace.read_text()
        daemon.workspace.write_text("load_from: []\n")
        eventually(lambda: not daemon.client.locations())
        daemon.workspace.write_text(entry)
        after = daemon.ready("repos.py")
        eventually(lambda: not alive(before))
        now = daemon.client.location("repos.py")
        assert (now.pid, now.restarts) == (after.pid, 0)


def test_reload_false_live(daemon: Daemon, source: str) -> None:
    serve(daemon, source.format(name="first"))
    daemon.write("other.py", source.format(name="other"))
    text = daemon.workspace.read_text()
    daemon.workspace.write_text(text + "      reload: false\n  - python_file: other.py\n")
    daemon.ready("other.py")
    eventually(lambda: daemon.client.location("repos.py").watch_mode == workspace_pb2.Location.OFF)
    generation = daemon.ready("repos.py", generation=2).generation
    daemon.write("repos.py", source.format(name="second"))
    daemon.write("other.py", source.format(name="later"))
    eventually(lambda: daemon.pipelines("other.py") == ["later"])
    assert daemon.client.location("repos.py").generation == generation


def test_runs_of_the_last_good_one_reload_nothing(daemon: Daemon) -> None:
    serve(daemon, LAZY, "      fork: never\n")
    daemon.write("repos.py", "def broken(:\n")
    daemon.in_state("repos.py", "FAILED")
    revision = daemon.client.workspace().revision
    for _ in range(2):
        *_, last = daemon.client.execute("p")
        assert last.HasField("run_succeeded")
    assert daemon.client.workspace().revision == revision


def test_stop_after_a_failure(daemon: Daemon) -> None:
    daemon.write("repos.py", "def broken(:\n")
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start()
    daemon.in_state("repos.py", "FAILED")
    stopped = daemon.client.stop("repos.py")
    assert stopped.state == stopped.STOPPED
    assert not stopped.HasField("error")
    with pytest.raises(StoppedError):
        daemon.pipelines("repos.py")


def test_a_cleaned_cache(daemon: Daemon, source: str) -> None:
    serve(daemon, source.format(name="first"))
    for runtime in (daemon.folder / "cache" / "hostler").glob("runtime-*"):
        runtime.rename(daemon.folder / "away")
    daemon.write("repos.py", source.format(name="second"))
    eventually(lambda: daemon.pipelines("repos.py") == ["second"])


def test_text_that_protobuf_cannot_carry(daemon: Daemon) -> None:
    source = LAZY.replace("def p():\n", 'def p():\n    "\\ud800"\n').replace(
        "    return 1", '    context.log.info("\\ud800")\n    print("ok")\n    return 1'
    )
    serve(daemon, source)
    assert daemon.client.pipeline("repos.py", "repo", "p").description == "\\ud800"
    *_, last = daemon.client.execute("p")
    assert last.HasField("run_succeeded")


def _slow() -> repository_pb2.GetPipelineRequest:
    return repository_pb2.GetPipelineRequest(
        name="locations/repos.py/repositories/repo/pipelines/slow"
    )
