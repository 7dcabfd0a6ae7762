"""A forked run that waits for a lock that it has inherited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from e2e.harness import daemon_in, eventually

from hostler.v1.run_pb2 import Run
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from pathlib import Path

NAME = "repos.py"

#: A library that forgets its lock in a fork, as some do.
CODE = """\
import os, threading
from hostler.definitions import pipeline, repository, solid

LOCK = threading.Lock()
os.register_at_fork(after_in_child=lambda: LOCK.locked() or LOCK.acquire())


@solid
def works():
    with LOCK:
        return 1


@pipeline
def working():
    works()


@repository
def repo():
    return [working]
"""


def test_later_runs_of_the_generation_are_spawned(tmp_path: Path) -> None:
    with daemon_in(tmp_path, run_stall="0.3") as daemon:
        daemon.write(NAME, CODE)
        daemon.workspace.write_text(f"load_from:\n  - python_file: {NAME}\n")
        daemon.start().ready(NAME)
        assert daemon.client.location(NAME).fork_mode == Location.FORK
        stalled = daemon.client.launch("working", location=NAME)
        eventually(lambda: daemon.client.location(NAME).fork_mode == Location.SPAWN)
        assert "waited for a lock for 0.3 s" in daemon.client.location(NAME).fork_reason
        execution = daemon.client.execute("working", location=NAME)
        assert list(execution), "it tells how it goes, to its end"
        run = execution.run()
        assert run.state == Run.SUCCEEDED, run.failure
        daemon.client.cancel_run(stalled.name, kill=True)
        daemon.write(NAME, CODE.replace("LOCK.locked() or LOCK.acquire()", "None"))
        eventually(lambda: daemon.client.location(NAME).generation == 2)
        assert daemon.client.location(NAME).fork_mode != Location.SPAWN, "the code is another one"
