"""What a daemon knows of the one before it: definitions answer from disk while locations load."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from e2e.harness import Daemon, daemon_in, eventually

from hostler.client import LoadFailedError
from hostler.v1 import run_pb2

if TYPE_CHECKING:
    from pathlib import Path

PIPELINES = """
from hostler.definitions import pipeline, repository, solid
@solid
def one(context): return 1
@pipeline
def ones(): one()
def construct():
    @pipeline
    def lazy(): one()
    return lazy
@repository
def numbers(): return {"pipelines": {"ones": ones, "lazy": construct}}
"""

NAME = "locations/a.py/repositories/numbers/pipelines/ones"


def gated(folder: Path, text: str = PIPELINES) -> str:
    """Returns the text of a location that loads once the file `gate` is there."""
    gate = str(folder / "gate")
    return f"import os, time\nwhile not os.path.exists({gate!r}): time.sleep(0.005)\n{text}"


def start_once(daemon: Daemon) -> None:
    """Has a daemon keep its definitions, and kills it."""
    daemon.write("gate", "")
    daemon.write("a.py", gated(daemon.folder))
    daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
    daemon.start()
    daemon.ready("a.py")
    kept = daemon.folder / "state" / "definitions"
    eventually(lambda: kept.exists() and not [*kept.glob("*.new")] and [*kept.iterdir()], "kept")
    daemon.kill()
    (daemon.folder / "gate").unlink()


def test_reads_are_answered_before_the_code_is_loaded_and_launches_wait(daemon: Daemon) -> None:
    start_once(daemon)
    daemon.start()
    found = daemon.client.location("a.py")
    assert daemon.state("a.py") == "STARTING"
    assert found.from_before_restart
    assert found.serving
    assert found.generation == 0
    assert sorted(daemon.pipelines("a.py")) == ["lazy", "ones"]
    pipeline = daemon.client.pipeline("a.py", "numbers", "ones")
    assert [solid.name for solid in pipeline.solids] == ["one"]

    run = daemon.client.launch("ones", location="a.py")
    assert daemon.client.run(run.name).state == run_pb2.Run.QUEUED
    daemon.write("gate", "")
    ready = daemon.ready("a.py")
    assert not ready.from_before_restart
    assert ready.generation == 1
    events = [event.WhichOneof("event") for event in daemon.client.watch_run(run.name)]
    assert events[-1] == "run_succeeded"
    assert daemon.client.run(run.name).generation == 1


def test_a_lazy_definition_that_was_read_is_kept_too_and_another_waits_for_the_code(
    daemon: Daemon,
) -> None:
    start_once(daemon)
    daemon.start()
    waiting = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "hostler.cli.main", "pipeline", "show", "lazy", "--json"),
            *("--socket", str(daemon.socket)),
        ],
        env=daemon.environ,
        stdout=subprocess.PIPE,
    )
    daemon.write("gate", "")
    said, _ = waiting.communicate(timeout=60)
    assert json.loads(said)["name"].endswith("/lazy")
    (kept,) = (daemon.folder / "state" / "definitions").iterdir()
    eventually(lambda: b'"lazy", ' in kept.read_bytes().split(b"\n")[2], "the lazy one is kept")
    daemon.kill()
    (daemon.folder / "gate").unlink()
    daemon.start()
    assert daemon.client.pipeline("a.py", "numbers", "lazy").name.endswith("/lazy")
    assert daemon.client.location("a.py").from_before_restart


def test_where_the_code_is_broken_by_then_the_old_definitions_go_on(daemon: Daemon) -> None:
    start_once(daemon)
    daemon.write("a.py", "1 +")
    daemon.start()
    daemon.in_state("a.py", "FAILED")
    found = daemon.client.location("a.py")
    assert found.from_before_restart
    assert found.error.message
    assert sorted(daemon.pipelines("a.py")) == ["lazy", "ones"]
    with pytest.raises(LoadFailedError, match="has not loaded since the daemon was started"):
        daemon.client.launch("ones", location="a.py")
    daemon.write("a.py", PIPELINES)
    assert not daemon.ready("a.py").from_before_restart


def test_what_is_stopped_or_points_elsewhere_or_is_damaged_is_not_answered_from_disk(
    daemon: Daemon,
) -> None:
    start_once(daemon)
    (kept,) = (daemon.folder / "state" / "definitions").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    daemon.start()
    assert not daemon.client.location("a.py").serving
    daemon.client.stop("a.py")
    assert not daemon.client.location("a.py").serving
    daemon.kill()
    kept.write_bytes(whole)
    daemon.start()
    assert daemon.state("a.py") == "STOPPED"
    assert not daemon.client.location("a.py").serving
    daemon.stop()
    daemon.write("b.py", gated(daemon.folder))
    entry = "{relative_path: b.py, location_name: a.py}"
    daemon.write("workspace.yaml", f"load_from: [python_file: {entry}]\n")
    (daemon.folder / "state" / "stopped.json").unlink()
    daemon.start()
    assert daemon.state("a.py") == "STARTING"
    assert not daemon.client.location("a.py").serving


def test_a_location_that_is_gone_leaves_nothing(daemon: Daemon) -> None:
    start_once(daemon)
    daemon.write("gate", "")
    daemon.start()
    daemon.ready("a.py")
    daemon.write("workspace.yaml", "load_from: []\n")
    kept = daemon.folder / "state" / "definitions"
    eventually(lambda: not [*kept.iterdir()], "the file is removed")


def test_state_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with daemon_in(tmp_path) as daemon:
        start_once(daemon)
        state = tmp_path / "state"
        (state / "format.json").write_text('{"format": 99, "hostler": "9.9"}')
        before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
        ended = subprocess.run(
            daemon.command(), env=daemon.environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 2
        assert "hostler 9.9 has written it in format 99" in ended.stderr
        after = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
        assert after == before
