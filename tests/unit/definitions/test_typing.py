"""The types of hostler.definitions, as mypy and pyright see them from a user's project."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hostler.definitions

PROJECT = Path(__file__).with_name("typed_project.py")
LOCATION = Path(__file__).parents[3] / "location"

#: Lines with a mistake each that both checkers have to find; a type of Any would hide them.
WRONG = """\
from hostler.definitions import Partition, RetryPolicy, ScheduleDefinition, SolidContext, solid
RetryPolicy("three")
ScheduleDefinition("s", "@daily")
Partition(1, 2)
@solid
def one(context: SolidContext) -> int:
    context.log.inform("x")
    return context.run_id
x: str = one()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Returns the project's folder, with the settings that docs/definitions.md names."""
    (tmp_path / "project.py").write_text(PROJECT.read_text())
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.mypy]\nstrict = true\nnamespace_packages = true\nexplicit_package_bases = true\n"
        f'mypy_path = ["{LOCATION}"]\n'
        f'[tool.pyright]\nextraPaths = ["{LOCATION}"]\ntypeCheckingMode = "strict"\n'
    )
    return tmp_path


def test_the_project_uses_every_public_name() -> None:
    tree = ast.parse(PROJECT.read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(hostler.definitions.__all__) <= used


def test_mypy_strict(folder: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, "project.py", "wrong.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = [line.split(":")[:2] for line in done.stdout.splitlines() if " error: " in line]
    wrong = {int(number) for file, number in lines if file == "wrong.py"}
    assert (wrong, len(lines)) == ({2, 3, 4, 7, 8, 9}, 6), done.stdout


def test_pyright_strict(folder: Path) -> None:
    pyright = Path(sys.executable).with_name("pyright")
    command = [
        str(pyright),
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "project.py",
        "wrong.py",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [one for one in found if one["severity"] == "error"]
    wrong = {one["range"]["start"]["line"] + 1 for one in errors if "wrong.py" in one["file"]}
    assert wrong == {2, 3, 4, 7, 8, 9}, done.stdout
    assert all("wrong.py" in one["file"] for one in errors), done.stdout


def test_it_works_as_well() -> None:
    namespace: dict[str, object] = {"__name__": "project"}
    exec(compile(PROJECT.read_text(), str(PROJECT), "exec"), namespace)
    test = namespace["test_report"]
    assert callable(test)
    test()
