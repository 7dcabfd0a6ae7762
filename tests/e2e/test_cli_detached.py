"""hostler up -d and hostler down, and the state that belongs to a workspace."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from e2e.command import Shell, shell_in
from e2e.harness import PATIENCE, alive, eventually

SOURCE = """\
import time
from pathlib import Path
from hostler.definitions import pipeline, solid

print("a line of the import")


@solid
def hold():
    print("a line of the run")
    while not Path("go").exists():
        time.sleep(0.01)


@pipeline
def holding():
    hold()
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path) as shell:
        shell.write("repos.py", SOURCE)
        shell.write("workspace.yaml", "load_from:\n  - python_file: repos.py\n")
        try:
            yield shell
        finally:
            for process in shell.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process.split()[0]), signal.SIGKILL)


def started(shell: Shell, *options: str) -> tuple[int, Path]:
    """Starts a daemon in the background; returns its pid and its state folder."""
    done = shell.run("up", "-d", *options)
    assert done.code == 0, done.err
    match = re.fullmatch(r"serving  (\S+), pid (\d+)\nstate    (\S+)\nlog      (\S+)\n", done.out)
    assert match is not None, done.out
    assert match[4] == f"{match[3]}/hostlerd.log"
    assert Path(match[4]).exists()
    return int(match[2]), Path(match[3])


def test_a_day_of_a_daemon(shell: Shell) -> None:
    pid, state = started(shell)
    assert psutil.Process(pid).terminal() is None
    assert os.getsid(pid) == pid
    assert started(shell) == (pid, state), "a second one is the first"
    assert shell.run("wait").code == 0
    run = shell.run("pipeline", "launch", "holding").out.strip()
    eventually(lambda: "a line of the run" in shell.run("logs", "--run", run[:8]).out)
    assert re.search(r"repos\.py \| .*a line of the import", shell.run("logs").out)
    places = json.loads(shell.run("state", "--json").out)
    assert places["state"]["path"] == str(state)
    assert places["daemon_log"]["bytes"] > 0

    down = shell.run("down")
    assert (down.code, down.out) == (0, "")
    assert down.said == (
        f"hostler: stopping the daemon with pid {pid}: "
        f"1 run under way is interrupted and not continued ({run[:8]})\n"
    )
    assert not alive(pid)
    eventually(lambda: not shell.processes(), "nothing is left")
    again = shell.run("down")
    assert (again.code, again.err) == (0, "hostler: no daemon runs for workspace.yaml\n")

    # another socket, the same runs
    shell.write("go", "")
    socket = str(shell.tmp / "other.sock")
    other, other_state = started(shell, "--socket", socket)
    assert other_state == state
    listed = shell.run("run", "list", "--socket", socket).out
    assert re.search(rf"{run} +holding +repos\.py  INTERRUPTED ", listed)
    assert shell.run("--socket", socket, "wait").code == 0
    retried = shell.run("--socket", socket, "run", "retry", "--watch", run[:8])
    assert retried.code == 0, retried.err
    assert "a line of the run" in retried.out

    elsewhere = shell.run("ps")
    assert elsewhere.code == 3
    assert f"one with pid {other} serves it on another socket" in elsewhere.err
    refused = shell.run("up", "-d")
    assert refused.code == 1
    assert f"one with pid {other} serves it on {socket}" in refused.err
    killed = shell.run("down", "--kill", "--socket", socket)
    assert killed.code == 0
    assert not alive(other)
    eventually(lambda: not shell.processes(), "nothing is left")


def test_two_workspaces_whose_sockets_have_one_name(shell: Shell) -> None:
    for name in ("a", "b"):
        (shell.folder / name).mkdir()
        shell.write(f"{name}/repos.py", SOURCE)
        shell.write(f"{name}/workspace.yaml", "load_from:\n  - python_file: repos.py\n")
        (shell.tmp / name).mkdir()
    sockets = {name: str(shell.tmp / name / "h.sock") for name in ("a", "b")}
    states = {
        started(shell, "-w", f"{name}/workspace.yaml", "--socket", socket)[1]
        for name, socket in sockets.items()
    }
    assert len(states) == 2
    shell.run("wait", "--socket", sockets["a"])
    run = shell.run("pipeline", "launch", "--socket", sockets["a"], "holding").out.strip()
    assert run in shell.run("run", "list", "--socket", sockets["a"]).out
    assert shell.run("run", "list", "--socket", sockets["b"]).out == ""
    for socket in sockets.values():
        assert shell.run("down", "--socket", socket).code == 0


def test_a_daemon_that_cannot_start_says_why(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_form: []\n")
    done = shell.run("up", "-d")
    assert (done.code, done.out) == (2, "")
    assert "did you mean `load_from`" in done.err
    assert "hostlerd.log says:" in done.err
    assert "Traceback" not in done.err
    eventually(lambda: not shell.processes(), "nothing is left")


def test_a_daemon_that_hangs_is_killed(shell: Shell) -> None:
    pid, _ = started(shell)
    os.kill(pid, signal.SIGSTOP)
    waited = shell.run("down", "--timeout", "0.2")
    assert waited.code == 1
    assert f"process {pid}" not in waited.err
    assert "cannot wait longer than 0.2 s" in waited.err
    assert "hostler down --kill" in waited.err
    assert alive(pid)
    assert shell.run("down", "--kill").code == 0
    assert not alive(pid)
    eventually(lambda: not shell.processes(), "nothing is left")


def test_up_and_wait(shell: Shell) -> None:
    """The daemon is waited for before there is a sign of it."""
    waiting = shell.start("wait", "--timeout", str(PATIENCE))
    pid, _ = started(shell)
    assert waiting.wait(PATIENCE) == 0
    assert alive(pid)
    assert shell.run("down").code == 0


def test_minus_d_with_a_value_is_the_working_directory(shell: Shell) -> None:
    (shell.folder / "below").mkdir()
    done = shell.run("up", "-d", "below", "-w", "workspace.yaml")
    assert done.code == 2
    assert "cannot take -d without -f, -m or --package" in done.err
    pid, _ = started(shell, "--detach", "-f", "repos.py", "-d", "below")
    shown = shell.run("ps", "-v", "-f", "repos.py", "-d", "below")
    assert f"working directory: {shell.folder}/below" in shown.out
    assert shell.run("down", "-f", "repos.py", "-d", "below").code == 0
    assert not alive(pid)
