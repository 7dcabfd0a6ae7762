"""A stopped location stays stopped until it is started, whatever happens in between."""

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from e2e.harness import PATIENCE, Daemon, daemon_in, eventually

from hostler.client import StoppedError


def entry(name: str, more: str = "") -> str:
    return f"  - python_file:\n      relative_path: {name}\n{more}"


@pytest.fixture
def served(daemon: Daemon, source: str) -> Daemon:
    """Serves two locations, the first of which is stopped."""
    for name in ("stopped", "other"):
        daemon.write(f"{name}.py", source.format(name=name))
    daemon.workspace.write_text("load_from:\n" + entry("stopped.py") + entry("other.py"))
    daemon.start()
    for name in ("stopped.py", "other.py"):
        daemon.ready(name)
    daemon.client.stop("stopped.py")
    return daemon


def assert_stopped(daemon: Daemon, generation: int) -> None:
    """Asserts it once something that came later has happened to the other location."""
    daemon.ready("other.py", generation)
    assert daemon.state("stopped.py") == "STOPPED"


def test_through_orders_and_saves(served: Daemon, source: str) -> None:
    served.client.reload()
    assert_stopped(served, 2)
    served.client.reload("stopped.py")
    assert served.state("stopped.py") == "STOPPED"
    served.client.restart()
    served.client.restart("stopped.py")
    assert_stopped(served, 3)
    for name in ("stopped", "other"):
        served.write(f"{name}.py", source.format(name=name + "_2"))
    assert_stopped(served, 4)
    more = "      load_timeout: 50\n"
    text = "load_from:\n" + entry("stopped.py", more) + entry("other.py", more)
    served.workspace.write_text(text)
    assert_stopped(served, 5)
    os.kill(served.keeper_pid, signal.SIGKILL)
    served.client.reload("other.py")
    assert_stopped(served, 6)
    with pytest.raises(StoppedError):
        served.client.pipelines("stopped.py")
    served.client.start("stopped.py")
    assert served.pipelines("stopped.py") == ["stopped_2"]


@pytest.mark.parametrize("end", ["TERM", "KILL"])
def test_through_a_restart_of_the_daemon(served: Daemon, end: str) -> None:
    if end == "KILL":
        served.kill()
    else:
        served.stop()
    served.start()
    assert_stopped(served, 1)
    served.client.reload()
    assert_stopped(served, 2)
    served.client.start("stopped.py")
    served.ready("stopped.py")
    served.stop()
    served.start()
    served.ready("stopped.py")
    served.ready("other.py")


def test_what_is_removed_from_the_workspace_is_forgotten(served: Daemon) -> None:
    served.workspace.write_text("load_from:\n" + entry("other.py"))
    eventually(lambda: len(served.client.locations()) == 1)
    served.workspace.write_text("load_from:\n" + entry("stopped.py") + entry("other.py"))
    served.ready("stopped.py")


def test_the_stop_of_the_daemon_stops_no_location_for_good(served: Daemon) -> None:
    served.client.start("stopped.py")
    served.ready("stopped.py")
    served.stop()
    served.start()
    served.ready("stopped.py")
    served.ready("other.py")


def reasons(daemon: Daemon) -> list[str]:
    with daemon.client.watch(history=True, timeout=0.2) as changes:
        found = []
        for change in changes:
            found.append(change.reason)
            if change.revision == daemon.client.workspace().revision:
                break
    return found


def test_hangup_reads_the_workspace_again(served: Daemon) -> None:
    for count in (1, 2):
        os.kill(served.pid, signal.SIGHUP)
        eventually(
            lambda count=count: (  # type: ignore[misc]
                reasons(served).count("the workspace files were read again") == count
            )
        )
    assert served.client.location("other.py").generation == 1, "nothing has changed"
    assert_stopped(served, 1)


def test_hangup_is_heard_where_it_was_ignored(tmp_path: Path, source: str) -> None:
    """As under nohup."""
    with daemon_in(tmp_path) as daemon:
        daemon.write("a.py", source.format(name="a"))
        daemon.workspace.write_text("load_from:\n" + entry("a.py"))
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            daemon.start()
        finally:
            signal.signal(signal.SIGHUP, before)
        daemon.ready("a.py")
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: "the workspace files were read again" in reasons(daemon))


def test_the_end_of_its_terminal_ends_the_daemon(daemon: Daemon, source: str) -> None:
    daemon.write("a.py", source.format(name="a"))
    daemon.workspace.write_text("load_from:\n" + entry("a.py"))
    daemon.socket.parent.mkdir(mode=0o700)
    ours, theirs = pty.openpty()
    takes_terminal = (
        "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = daemon.command()
    with subprocess.Popen(
        [command[0], "-c", takes_terminal, *command],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=daemon.environ,
        cwd=daemon.folder,
    ) as process:
        os.close(theirs)
        eventually(daemon.socket.exists)
        daemon.ready("a.py")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "the workspace files were read again" in reasons(daemon))
        os.close(ours)
        assert process.wait(PATIENCE) == 0
