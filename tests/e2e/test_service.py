"""hostlerd as a service: what it tells a service manager, its two sockets, its log."""

from __future__ import annotations

import contextlib
import grp
import os
import signal
import socket
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from e2e.harness import Daemon, daemon_in, eventually

from hostler.client import Client
from hostler.client.errors import OnlyReadsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = """
from hostler.definitions import pipeline, solid
@solid
def one(context): return 1
@pipeline
def ones(): one()
"""


class Manager:
    """Stands for the service manager: a real datagram socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(30)
        self.heard: list[str] = []

    def until(self, wanted: str) -> str:
        """Returns the next message that has a line of this beginning."""
        while True:
            message = self._socket.recv(4096).decode()
            self.heard.append(message)
            if any(line.startswith(wanted) for line in message.split("\n")):
                return message

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


def notified(folder: Path, **variables: str) -> contextlib.AbstractContextManager[Daemon]:
    @contextlib.contextmanager
    def make() -> Iterator[Daemon]:
        with daemon_in(folder) as daemon:
            daemon.environ["NOTIFY_SOCKET"] = str(folder / "notify")
            daemon.environ.update(variables)
            yield daemon

    return make()


def test_a_start_a_reload_and_an_end_are_told(tmp_path: Path, manager: Manager) -> None:
    with notified(tmp_path) as daemon:
        daemon.write("a.py", GOOD)
        daemon.write("b.py", "1 / 0")
        daemon.write("workspace.yaml", "load_from: [python_file: a.py, python_file: b.py]\n")
        daemon.start()
        ready = manager.until("READY=1")
        # the daemon answers, and each location has loaded or failed
        states = {location.name: location.state for location in daemon.client.locations()}
        assert set(states) == {"locations/a.py", "locations/b.py"}
        assert "STATUS=1 BACKOFF, 1 READY" in ready
        assert not any("STOPPING" in message for message in manager.heard)

        daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
        os.kill(daemon.pid, signal.SIGHUP)
        assert "MONOTONIC_USEC=" in manager.until("RELOADING=1")
        assert "STATUS=1 READY" in manager.until("READY=1")
        assert [location.name for location in daemon.client.locations()] == ["locations/a.py"]

        daemon.write("workspace.yaml", "load_from: {}\n")
        os.kill(daemon.pid, signal.SIGHUP)
        manager.until("RELOADING=1")
        assert "the workspace files are not valid" in manager.until("READY=1")

        daemon.stop()
        manager.until("STOPPING=1")


def test_a_location_that_hangs_at_import_holds_the_first_pass_up_and_states_are_told(
    tmp_path: Path, manager: Manager
) -> None:
    with notified(tmp_path) as daemon:
        gate = tmp_path / "gate"
        waiting = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        daemon.write("slow.py", waiting + GOOD)
        daemon.write("workspace.yaml", "load_from: [python_file: slow.py]\n")
        daemon.start()
        assert "1 STARTING" in manager.until("STATUS=")
        assert not any("READY=1" in message for message in manager.heard)
        gate.touch()
        assert "STATUS=1 READY" in manager.until("READY=1")


def test_the_heartbeat_comes_from_the_loop(tmp_path: Path, manager: Manager) -> None:
    with notified(tmp_path, WATCHDOG_USEC="200000") as daemon:
        daemon.write("a.py", GOOD)
        daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
        daemon.start()
        for _ in range(5):
            manager.until("WATCHDOG=1")


def test_what_the_daemon_starts_cannot_speak_for_it(tmp_path: Path, manager: Manager) -> None:
    with notified(tmp_path) as daemon:
        daemon.write("a.py", "import os\nprint(os.environ.get('NOTIFY_SOCKET'))\n" + GOOD)
        daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
        daemon.start()
        manager.until("READY=1")
        lines = eventually(lambda: [line.text for line in daemon.client.logs("a.py")])
        assert lines[0] == "None"


def test_a_start_that_fails_says_why(tmp_path: Path, manager: Manager) -> None:
    with notified(tmp_path) as daemon:
        daemon.write("workspace.yaml", "load_from: {}\n")
        ended = subprocess.run(
            daemon.command(), env=daemon.environ, capture_output=True, check=False, timeout=60
        )
        assert ended.returncode == 2
        assert "STATUS=cannot start: " in manager.until("STATUS=")


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Daemon]:
    settings = {
        "socket_mode": "0660",
        "socket_group": str(os.getgid()),
        "read_socket": str(tmp_path / "run" / "r.sock"),
        "read_socket_mode": "0666",
    }
    with daemon_in(tmp_path, **settings) as daemon:
        daemon.write("a.py", GOOD)
        daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
        yield daemon.start()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_sockets_have_their_modes_and_are_removed(tmp_path: Path, shared: Daemon) -> None:
    read_socket = tmp_path / "run" / "r.sock"
    assert mode(shared.socket) == 0o660
    assert mode(read_socket) == 0o666
    assert shared.stop() == 0
    assert list((tmp_path / "run").iterdir()) == []


def test_the_second_socket_answers_only_what_reads(tmp_path: Path, shared: Daemon) -> None:
    shared.ready("a.py")
    run = shared.client.launch("ones", location="a.py")
    with Client(tmp_path / "run" / "r.sock") as reader:
        assert [each.name for each in reader.locations()] == ["locations/a.py"]
        assert [each.name.rpartition("/")[2] for each in reader.pipelines("a.py")] == ["ones"]
        assert reader.run(run.name).name == run.name
        assert next(iter(reader.watch())).workspace.locations
        for order in (
            lambda: reader.reload("a.py"),
            lambda: reader.stop("a.py"),
            lambda: reader.launch("ones", location="a.py"),
            lambda: reader.cancel_run(run.name),
        ):
            with pytest.raises(OnlyReadsError, match="it answers only what reads"):
                order()
    assert shared.state("a.py") == "READY"


def test_a_group_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with daemon_in(tmp_path, socket_group="no-such-group") as daemon:
        daemon.write("workspace.yaml", "load_from: []\n")
        (tmp_path / "run").mkdir(mode=0o700)
        ended = subprocess.run(
            daemon.command(), env=daemon.environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert "there is no such group" in ended.stderr
        assert "groupadd" in ended.stderr
        assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files to any group")
def test_a_group_by_its_name(tmp_path: Path) -> None:
    group = next(each for each in grp.getgrall() if each.gr_gid != os.getgid())
    with daemon_in(tmp_path, socket_group=group.gr_name, socket_mode="0660") as daemon:
        daemon.write("a.py", GOOD)
        daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
        daemon.start()
        assert daemon.socket.stat().st_gid == group.gr_gid
