"""What a newcomer meets: no home, nothing to check, a misspelt variable, a file by hostler init."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Shell, interrupt, shell_in
from e2e.harness import eventually
from e2e.test_cli_check import GOOD

from hostler.v1.workspace_pb2 import Workspace


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path) as shell:
        shell.write("good.py", GOOD)
        yield shell
        eventually(lambda: not shell.processes(), "nothing is left")


def test_nothing_to_check(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from: []\n")
    done = shell.run("check")
    assert (done.code, done.out) == (4, "")
    assert "nothing was checked: load_from is empty" in done.err


#: No folder can be made there, not even by root.
NO_HOME = {"HOME": "/proc/nobody", "XDG_CACHE_HOME": "", "XDG_STATE_HOME": ""}


def test_a_private_daemon_needs_no_home(shell: Shell) -> None:
    done = shell.run("pipeline", "execute", "-f", "good.py", environ=NO_HOME)
    assert done.code == 0, done.err


def test_a_daemon_without_a_home_says_what_to_set(shell: Shell) -> None:
    done = shell.run("up", "-f", "good.py", environ=NO_HOME)
    assert done.code == 1
    assert "serving" not in done.err
    assert "cannot write the cache folder /proc/nobody/.cache/hostler: " in done.err
    assert "set XDG_CACHE_HOME to a folder that it may write" in done.err


def test_a_variable_that_sets_nothing_is_warned_of(shell: Shell) -> None:
    done = shell.run("up", "-f", "nowhere/good.py", environ={"HOSTLER_DRIAN": "3"})
    assert done.code == 2
    up = shell.start("up", "-f", "good.py", environ={"HOSTLER_DRIAN": "3"})
    assert up.stderr is not None
    lines = []
    for line in up.stderr:
        lines.append(line)
        if "serving on" in line:
            break
    assert "HOSTLER_DRIAN sets nothing; did you mean HOSTLER_DRAIN?" in "".join(lines)
    assert interrupt(up).code == 0


def test_what_init_writes_is_served(shell: Shell) -> None:
    shell.write("bad.py", "")
    shell.write("team/__init__.py", "")
    shell.write("team/jobs.py", GOOD)
    shell.write("other/repos.py", GOOD)
    environment = shell.folder / "other" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    assert shell.run("init").code == 0
    done = shell.run("check")
    assert done.code == 0, done.out + done.err
    found = re.findall(r"^ok +(\S+): ", done.out, re.MULTILINE)
    assert sorted(found) == ["good.py", "repos.py", "team.jobs"]
    workspace = shell.run("check", "--json").message(Workspace)
    executables = {location.name: location.executable for location in workspace.locations}
    assert executables["locations/repos.py"] == f"{environment}/bin/python"
