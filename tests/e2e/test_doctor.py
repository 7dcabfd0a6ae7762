"""hostler doctor, with and without a daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2e.harness import Daemon

LOCATION = """
import threading
from hostler.definitions import pipeline, solid
threading.Thread(target=threading.Event().wait, daemon=True).start()
@solid
def one(context): return 1
@pipeline
def ones(): one()
"""


def doctor(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = ("-w", str(daemon.workspace), "--socket", str(daemon.socket))
    return subprocess.run(
        [sys.executable, "-P", "-m", "hostler.cli.main", "doctor", *options, *arguments],
        env=daemon.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_without_a_daemon_nothing_is_made_and_each_problem_has_a_remedy(daemon: Daemon) -> None:
    daemon.write("a.py", LOCATION)
    target = "{python_file: {relative_path: a.py, location_name: b}}"
    missing = f"python_environment: {{executable_path: gone/bin/python, target: {target}}}"
    daemon.write("workspace.yaml", f"load_from: [python_file: a.py, {missing}]\n")
    before = sorted(daemon.folder.rglob("*"))
    state = str(daemon.folder / "state")
    shown = doctor(daemon, "--state", state)
    assert shown.returncode == 4, shown.stderr
    assert "cannot find" in shown.stdout
    assert "1 problem, " in shown.stdout
    found = json.loads(doctor(daemon, "--state", state, "--json").stdout)
    checks = {each["check"] for each in found}
    assert checks >= {"workspace", "interpreters", "socket", "permissions", "disk", "descriptors"}
    assert checks >= {"inotify", "memory", "clock"}
    problems = [each for each in found if each["level"] == "problem"]
    assert [each["check"] for each in problems] == ["interpreters"]
    assert all(each["remedy"] for each in found if each["level"] != "ok")
    assert sorted(daemon.folder.rglob("*")) == before


def test_what_fell_back_is_told_with_its_reason(daemon: Daemon) -> None:
    daemon.write("a.py", LOCATION)
    daemon.write("workspace.yaml", "load_from: [python_file: a.py]\n")
    daemon.start()
    daemon.ready("a.py")
    found = json.loads(doctor(daemon, "--json").stdout)
    (fork,) = [each for each in found if each["check"] == "forks"]
    assert "a.py" in fork["message"]
    assert "thread" in fork["message"]
    assert "start threads in functions" in fork["remedy"]


def test_a_workspace_that_is_not_valid(daemon: Daemon) -> None:
    daemon.write("workspace.yaml", "load_form: []\n")
    shown = doctor(daemon)
    assert shown.returncode == 4
    assert "workspace.yaml:1:1" in shown.stdout
    assert "did you mean" in shown.stdout
