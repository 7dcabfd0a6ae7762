"""Two daemons on one socket, and sockets that are left behind."""

import os
import signal
import socket
import subprocess

import pytest
from e2e.harness import Daemon


@pytest.fixture
def served(daemon: Daemon, source: str) -> Daemon:
    daemon.write("repos.py", source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return daemon


def second(daemon: Daemon) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        daemon.command(),
        env=daemon.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_second_one_is_refused_with_the_pid_of_the_first(served: Daemon) -> None:
    before = served.client.location("repos.py").pid
    refused = second(served)
    assert refused.returncode == 1
    assert str(served.pid) in refused.stderr
    assert str(served.socket) in refused.stderr
    assert "Traceback" not in refused.stderr
    assert served.client.location("repos.py").pid == before
    assert served.pipelines("repos.py") == ["p"]


def test_a_stale_socket_is_taken_over(served: Daemon) -> None:
    os.kill(served.pid, signal.SIGKILL)
    served.stop()
    assert served.socket.exists()
    served.start().ready("repos.py")


def test_a_file_in_the_way_is_left_alone(daemon: Daemon, source: str) -> None:
    daemon.write("repos.py", source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.write("run/d.sock", "precious")
    refused = second(daemon)
    assert refused.returncode == 1
    assert "d.sock" in refused.stderr
    assert daemon.socket.read_text() == "precious"


def test_modes(served: Daemon) -> None:
    assert served.socket.stat().st_mode & 0o777 == 0o600


def test_a_socket_that_somebody_else_serves(daemon: Daemon, source: str) -> None:
    """The daemon does not steal the live socket of another program."""
    daemon.write("repos.py", source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.socket.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(daemon.socket))
        other.listen()
        refused = second(daemon)
    assert refused.returncode == 1, "somebody listens on it"
