"""Targets that cannot be used: each with a message that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

LOCATION = Path(__file__).parents[3] / "location"

LOAD = """
import json, sys
from hostler.host import errors, finder, target
touched = []
finder.install(touched.extend)
try:
    target.load_target(json.loads(sys.argv[1]))
except BaseException as error:
    error.__traceback__ = error.__traceback__.tb_next  # without this script's frame
    print(json.dumps([errors.describe_failure(error), touched]))
"""

#: The first look at the file finds nothing.
APPEARS = """
import os, sys
stat = os.stat
def first(path, *args, **kwargs):
    if str(path).endswith("repos.py"):
        os.stat = stat
        raise FileNotFoundError(2, "No such file", path)
    return stat(path, *args, **kwargs)
from hostler.host import errors, finder, target
os.stat = first
"""

FILES = {
    "repos.py": b"",
    "etl/__init__.py": b"",
    "etl/repos.py": b"",
    "broken/__init__.py": b"import etl.absent\n",
    "cycle/__init__.py": b"import cycle.absent\n",
    "latin.py": b"x = 1\ny = '\xe9'\n",
    "unknown.py": b"# coding: klingon\n",
    "wide.py": "x = 1".encode("utf-16"),
    "null.py": b"x = 1\0\n",
    "hostler.py": b"",
    "__main__.py": b"",
    "json.py": b"",
    "folder/keep": b"",
}


def fail(
    folder: Path, kind: str, value: str, cwd: str | None = "", script: str = LOAD
) -> tuple[Any, Any]:
    target = {
        "kind": kind,
        "value": str(folder / value) if kind == "python_file" else value,
        "working_directory": None if cwd is None else str(folder / cwd),
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, json.dumps(target)],
        env={**os.environ, "PYTHONPATH": str(LOCATION), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    body, touched = json.loads(done.stdout)
    return body, dict(touched)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "link.py").symlink_to("nowhere.py")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "value", "parts"),
    [
        ("python_file", "repo.py", ["there is no repo.py in", "did you mean repos.py?"]),
        ("python_file", "absent/repos.py", ["there is no folder"]),
        ("python_file", "repos.py/x.py", ["Not a directory"]),
        ("python_file", "link.py", ["it is a link to nowhere.py, which does not exist"]),
        ("python_file", "folder", ["it is a folder; name a file in it"]),
        ("python_file", "pipe.py", ["not a regular file"]),
        ("python_file", "latin.py", ["byte 0xe9 on line 2 is not utf-8", "save it as UTF-8"]),
        ("python_file", "unknown.py", ["unknown encoding", "klingon"]),
        ("python_file", "wide.py", ["save it as UTF-8"]),
        ("python_file", "null.py", ["null bytes"]),
        ("python_file", "json.py", ["standard library", "rename the file"]),
        ("python_file", "hostler.py", ["hostler's own definitions", "rename the file"]),
        ("python_file", "__main__.py", ["the program that runs", "main_repository.py"]),
        ("python_module", "rpos", ["there is no 'rpos' in", "did you mean repos?"]),
        ("python_module", "etl.repo", ["there is no 'repo' in", "did you mean repos?"]),
        ("python_module", "repos.part", ["is a module, not a package", "no 'part'"]),
        ("python_module", "absent.part", ["there is no 'absent' in"]),
        ("python_module", "calendar.part", ["is a module, not a package"]),
        ("python_module", "repos.py", ["looks like a path; name it as python_file"]),
        ("python_module", "etl/repos", ["looks like a path; name it as python_file"]),
        ("python_module", "etl..repos", ["write a dotted name"]),
        ("python_module", ".etl", ["write a dotted name"]),
        ("python_package", "ettl", ["there is no 'ettl' in"]),
        ("python_packet", "etl", ["one of python_file, python_module, python_package"]),
    ],
)
def test_the_message_says_what_to_do(folder: Path, kind: str, value: str, parts: list[str]) -> None:
    body, touched = fail(folder, kind, value)
    assert (body["kind"], body["permanent"]) == ("TARGET", True), body
    assert body["message"].startswith("cannot ")
    for part in parts:
        assert part in body["message"]
    assert body["exception"] is None, "the message says it all"
    path = folder / value
    if kind == "python_file" and path.stem not in {"json", "hostler", "__main__"}:
        assert str(path) in touched, "so that the repair is noticed"


def test_a_file_that_comes_while_it_is_found_missing_is_a_change(folder: Path) -> None:
    """As in half of a save: the failed load has seen no file, whatever is there afterwards."""
    _, touched = fail(folder, "python_file", "repos.py", script=APPEARS + LOAD)
    assert touched == {str(folder / "repos.py"): None}


def test_a_module_that_is_missing_is_looked_for_where_it_may_come(folder: Path) -> None:
    _, touched = fail(folder, "python_module", "etl.later")
    assert touched[str(folder / "etl" / "__init__.py")] is not None
    assert touched[str(folder / "etl" / "later.py")] is None


def test_without_a_working_directory_only_what_is_installed_is_searched(folder: Path) -> None:
    body, _ = fail(folder, "python_package", "etl", None)
    assert "set working_directory" in body["message"]
    assert sys.executable in body["message"]


def test_a_working_directory_that_does_not_exist(folder: Path) -> None:
    body, _ = fail(folder, "python_file", "repos.py", "nowhere")
    assert body["kind"] == "TARGET"
    assert f"cannot enter the working_directory {folder}/nowhere" in body["message"]


def test_what_a_module_misses_is_its_own_error(folder: Path) -> None:
    body, _ = fail(folder, "python_package", "broken")
    assert (body["kind"], body["permanent"]) == ("IMPORT", False)
    assert "etl.absent" in body["message"]
    assert body["source"] == {"file": str(folder / "broken" / "__init__.py"), "line": 1}


def test_a_file_that_may_not_be_read() -> None:
    # Root may read everything: the script becomes another user once all is imported.
    preamble = "import difflib, importlib.util, json, linecache, os, tokenize, traceback\n"
    drop = "if os.geteuid() == 0: os.setuid(65534)\n"
    script = preamble + LOAD.replace("touched = []", f"touched = []\n{drop}")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "repos.py"
        path.touch(mode=0)
        Path(name).chmod(0o755)
        target = {"kind": "python_file", "value": str(path), "working_directory": None}
        done = subprocess.run(
            [sys.executable, "-S", "-c", script, json.dumps(target)],
            env={**os.environ, "PYTHONPATH": str(LOCATION)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    body, touched = json.loads(done.stdout)
    assert "Permission denied; let the daemon's user read it" in body["message"]
    assert [str(path), None] in touched
