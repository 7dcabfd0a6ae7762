"""The loop belongs to everybody: nothing that one tenant has much of keeps the others waiting."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from e2e.harness import Daemon, daemon_in

from hostler.client import Client, NotFoundError
from hostler.v1 import workspace_pb2, workspace_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

WATCHED = Path(__file__).with_name("watched_daemon.py")

#: Seconds of the loop's own time that no callback takes, twice and a half the aim: caches of a busy
#: machine are cold.
BOUND = 0.05

LOCATIONS = 40
MANY = 5000

CODE = """\
from hostler.definitions import pipeline, repository, solid
import helper


@solid
def one(context):
    return 1


def make(number):
    @pipeline(name=f"pipeline_{number}")
    def made():
        one()

    return made


@repository
def repo():
    return {"pipelines": {f"pipeline_{number}": lambda: make(0) for number in range(COUNT)}}
"""


class WatchedDaemon(Daemon):
    """Runs hostlerd with the watchdog."""

    def command(self, *arguments: str) -> list[str]:
        interpreter, flag, _, _, *rest = super().command(*arguments)
        return [interpreter, flag, str(WATCHED), str(self.notes), *rest]

    @property
    def notes(self) -> Path:
        return self.folder / "slow"

    def slow(self) -> list[str]:
        """Returns the callbacks that were slow since the last call."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.write_text("")
        return [line for line in lines if float(line.split()[0]) > BOUND]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedDaemon]:
    folder = tmp_path_factory.mktemp("crowd")
    with daemon_in(folder, stop_grace="1") as plain:
        daemon = WatchedDaemon(folder, plain.environ)
        names = [f"l{number}.py" for number in range(LOCATIONS)]
        for name in names:
            daemon.write(name, CODE.replace("COUNT", "3"))
        daemon.write("large.py", CODE.replace("COUNT", "10_000"))
        daemon.write("helper.py", "")
        entries = "".join(f"  - python_file: {name}\n" for name in [*names, "large.py"])
        (folder / "data").mkdir()
        entries = entries.replace(
            "python_file: l1.py", "python_file: {relative_path: l1.py, watch: [data/**/*.csv]}"
        )
        daemon.workspace.write_text(f"load_from:\n{entries}")
        try:
            daemon.start()
            for name in [*names, "large.py"]:
                daemon.ready(name)
            daemon.slow()  # a start imports the facade
            yield daemon
        finally:
            daemon.stop()


def test_the_watchdog_barks(tmp_path: Path) -> None:
    code = """
import asyncio, sys, time
from pathlib import Path
from e2e.watched_daemon import watch

async def keep(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

watch(Path(sys.argv[1]))
asyncio.run(keep(float(sys.argv[2])))
"""
    notes = tmp_path / "slow"
    for seconds in ("0.001", "0.08"):
        command = [sys.executable, "-c", code, str(notes), seconds]
        subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
        assert notes.exists() == (seconds == "0.08")
    assert float(notes.read_text().split()[0]) >= 0.08


def test_a_checkout_of_many_files(crowd: WatchedDaemon) -> None:
    for number in range(MANY):
        crowd.write(f"lib{number % 40}/m{number}.py", "x = 1\n")
    for number in range(0, MANY, 5):
        crowd.write(f"m{number}.py", "x = 1\n")
    crowd.write("helper.py", "x = 2\n")
    for number in range(LOCATIONS):
        crowd.ready(f"l{number}.py", generation=2)
    assert not crowd.slow()


def test_a_pattern_with_many_large_files(crowd: WatchedDaemon) -> None:
    before = crowd.client.location("l1.py").generation
    for number in range(1500):
        crowd.write(f"data/d{number % 3}/f{number}.csv", "0,1,2,3,4,5,6,7\n" * 4000)
    crowd.ready("l1.py", generation=before + 1)
    crowd.client.reload("l1.py")
    assert not crowd.slow()


def test_many_watchers_at_once(crowd: WatchedDaemon) -> None:
    with grpc.insecure_channel(f"unix:{crowd.socket}") as channel:
        stub = workspace_pb2_grpc.WorkspaceServiceStub(channel)
        watches = [stub.WatchWorkspace(workspace_pb2.WatchWorkspaceRequest()) for _ in range(300)]
        firsts = [next(iter(watch)) for watch in watches]
        assert all(len(first.workspace.locations) == LOCATIONS + 1 for first in firsts)
        for watch in watches:
            watch.cancel()
    assert not crowd.slow()


def test_reloads_and_restarts_of_all(crowd: WatchedDaemon) -> None:
    crowd.client.reload()
    crowd.client.restart()
    for _ in range(5):
        assert len(crowd.client.workspace().locations) == LOCATIONS + 1
        assert len(crowd.client.locations()) == LOCATIONS + 1
    assert not crowd.slow()


@pytest.mark.parametrize("name", ["piepline_1234", "pipeline_x", "x" * 3000, "pipelines_99999"])
def test_a_name_that_is_unknown_among_ten_thousand(crowd: WatchedDaemon, name: str) -> None:
    for _ in range(3):
        with pytest.raises(NotFoundError):
            crowd.client.pipeline("large.py", "repo", name)
    assert not crowd.slow()


def test_readers_of_long_lists_side_by_side(crowd: WatchedDaemon) -> None:
    def read() -> None:
        with Client(crowd.socket) as client:
            for _ in range(5):
                assert len(client.pipelines()) == 10_000 + 3 * LOCATIONS
                client.workspace()

    readers = [threading.Thread(target=read) for _ in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert not crowd.slow()
