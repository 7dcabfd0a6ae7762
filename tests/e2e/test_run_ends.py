"""A run that does not end: it is killed after the grace or at its timeout, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e.harness import Daemon, alive, daemon_in, eventually

from hostler.v1.run_pb2 import Run, RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE = """\
import atexit, os, signal, threading, weakref
from hostler.definitions import pipeline, repository, solid


def for_ever():
    while True:
        try:
            signal.pause()
        except BaseException:
            pass


class Held:
    def __del__(self):
        for_ever()


@solid
def exit_handler(context):
    atexit.register(for_ever)
    context.log.info(str(os.getpid()))


@solid
def thread(context):
    threading.Thread(target=threading.Event().wait, name="stuck").start()
    context.log.info(str(os.getpid()))


@solid
def finalizer(context):
    global kept
    kept = Held()
    weakref.finalize(kept, for_ever)
    context.log.info(str(os.getpid()))


@pipeline
def exits():
    exit_handler()


@pipeline
def threads():
    thread()


@pipeline
def finalizes():
    finalizer()


@repository
def repo():
    return [exits, threads, finalizes]
"""

#: What each pipeline's end waits for, as the run says it.
WAITS = {"exits": "", "threads": "; it waited for the thread stuck", "finalizes": ""}


@pytest.fixture(params=["auto", "never"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """Serves a location whose runs never end by themselves; signals get half a second."""
    with daemon_in(tmp_path, stop_grace="0.5", run_end_grace="0.5") as daemon:
        daemon.write("repos.py", CODE)
        daemon.workspace.write_text(
            f"load_from:\n  - python_file: {{relative_path: repos.py, fork: {request.param}}}\n"
        )
        daemon.start().ready("repos.py")
        yield daemon


def ended(daemon: Daemon, run: Run) -> tuple[Run, list[RunEvent]]:
    """Waits for the end of a run; asserts that the process of its solid is gone."""
    events = list(daemon.client.watch_run(run.name))
    (pid,) = [int(one.log_message.message) for one in events if one.HasField("log_message")]
    eventually(lambda: not alive(pid), "its process is gone")
    return daemon.client.run(run.name), events


@pytest.mark.parametrize("pipeline", WAITS)
def test_a_run_that_does_not_end_is_killed_after_the_grace(served: Daemon, pipeline: str) -> None:
    run, events = ended(served, served.client.launch(pipeline))
    assert run.state == Run.FAILED
    assert run.failure.message == (
        f"the run's process did not end within 0.5 s after its last step{WAITS[pipeline]}; "
        "have threads and exit handlers end, or raise HOSTLER_RUN_END_GRACE"
    )
    assert any(one.HasField("step_succeeded") for one in events)


def test_a_step_of_its_own_that_does_not_end_is_killed_after_the_grace(served: Daemon) -> None:
    run, _ = ended(served, served.client.launch("threads", max_concurrency=2))
    assert run.state == Run.FAILED
    assert "did not end within 0.5 s after its function had" in run.failure.message
    assert "the thread stuck" in run.failure.message


def test_the_timeout_of_a_run_holds_for_its_end(tmp_path: Path) -> None:
    with daemon_in(tmp_path, stop_grace="0.5", run_end_grace="0") as daemon:
        daemon.write("repos.py", CODE)
        daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
        daemon.start().ready("repos.py")
        for pipeline in WAITS:
            run, events = ended(daemon, daemon.client.launch(pipeline, timeout=1.0))
            assert run.state == Run.FAILED
            assert run.failure.message == "the run took longer than its timeout of 1 s"
            assert any(one.HasField("step_succeeded") for one in events)
