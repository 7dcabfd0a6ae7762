"""hostler init: what it finds, and the file that it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from hostler.cli.main import main
from hostler.cli.projects import project as projects
from hostler.cli.projects.definitions import definitions_in
from hostler.daemon.workspace.loading import load_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPOSITORY = """\
from hostler.definitions import pipeline, repository

@repository
def repo():
    return []
"""
PIPELINE = "from hostler.definitions import pipeline\n@pipeline(tags={})\ndef %s(): pass\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def init(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["init", *arguments])
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return run


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def environment(folder: Path, name: str) -> None:
    write(folder, {f"{name}/pyvenv.cfg": "", f"{name}/bin/python": "#!/bin/sh\n"})
    write(folder, {f"{name}/lib/python3.12/site-packages/lib/repos.py": REPOSITORY})


def entries(folder: Path) -> list[dict[str, object]]:
    """Returns the entries of the file, which the daemon takes."""
    file = folder / "workspace.yaml"
    load_workspace([file], {})
    found: list[dict[str, object]] = yaml.safe_load(file.read_text())["load_from"]
    return found


@pytest.mark.parametrize(
    ("text", "repositories", "pipelines"),
    [
        (REPOSITORY, ["repo"], []),
        (PIPELINE % "p" + PIPELINE % "q", [], ["p", "q"]),
        ("import hostler.definitions\n@hostler.definitions.repository\ndef r(): ...", ["r"], []),
        ("import hostler.definitions as h\n@h.repository(name='x')\ndef r(): ...", ["r"], []),
        ("from hostler import definitions\n@definitions.pipeline\ndef p(): ...", [], ["p"]),
        ("from hostler.definitions import repository as r\n@r\ndef x(): ...", ["x"], []),
        ("from hostler.definitions import PipelineDefinition as P\np = P('p', [])", [], ["p"]),
        ("from dagster import repository\n@repository\ndef r(): ...", [], []),
        ("from hostler.definitions import repository\nx = 1\ndef r(): ...", [], []),
        ("from hostler.definitions import repository\n@repository\ndef r(:", [], []),
        ("\0", [], []),
    ],
)
def test_what_a_file_defines(
    text: str, repositories: list[str], pipelines: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(text)
    found = definitions_in(tmp_path / "a.py")
    assert (found.repositories, found.pipelines) == (repositories, pipelines)


def test_a_project(folder: Path, init: Callable[..., tuple[int, str, str]]) -> None:
    write(
        folder,
        {
            "orders.py": REPOSITORY,
            "lone.py": PIPELINE % "p",
            "team/__init__.py": "",
            "team/jobs/__init__.py": "",
            "team/jobs/daily.py": REPOSITORY,
            "team/jobs/parts.py": PIPELINE % "part",
            "team/user.py": "from team.jobs import parts\n",
            "src/other/__init__.py": REPOSITORY,
            "legacy/orders.py": REPOSITORY,
            "tests/sample.py": REPOSITORY,
            "test_orders.py": REPOSITORY,
            ".hidden/x.py": REPOSITORY,
            "old.py": "from dagster import job\n",
            "many.py": PIPELINE % "a" + PIPELINE % "b",
        },
    )
    environment(folder, ".venv")
    environment(folder, "a-venv")
    environment(folder, "legacy/env38")
    code, out, err = init()
    assert (code, out) == (0, "")
    assert "hostler: wrote workspace.yaml with 5 locations; try it with: hostler check\n" in err
    assert "many.py has several pipelines and no repository" in err
    assert "left out, as Dagster's own definitions are not served yet: old.py" in err

    def served(executable: str, target: dict[str, object]) -> dict[str, object]:
        return {"python_environment": {"executable_path": executable, "target": target}}

    ours, theirs = ".venv/bin/python", "legacy/env38/bin/python"
    named = {"relative_path": "orders.py", "location_name": "orders"}
    legacy = {"relative_path": "legacy/orders.py", "location_name": "legacy.orders"}
    assert entries(folder) == [
        served(ours, {"python_file": "lone.py"}),
        served(ours, {"python_file": named}),
        served(theirs, {"python_file": legacy}),
        served(ours, {"python_module": {"module_name": "other", "working_directory": "src"}}),
        served(ours, {"python_module": "team.jobs.daily"}),
    ]
    assert "# many.py has several pipelines" in Path("workspace.yaml").read_text()


def test_without_an_environment(folder: Path, init: Callable[..., tuple[int, str, str]]) -> None:
    write(folder, {"a b/é: x.py": REPOSITORY})
    code, out, _ = init("--print")
    assert code == 0
    assert not Path("workspace.yaml").exists()
    assert "# with the interpreter that hostler itself has" in out
    assert init()[0] == 0
    assert Path("workspace.yaml").read_text() == out
    named = {"relative_path": "a b/é: x.py", "location_name": "é:-x.py"}
    assert entries(folder) == [{"python_file": named}]


def test_a_file_that_exists_is_kept(
    folder: Path, init: Callable[..., tuple[int, str, str]]
) -> None:
    write(folder, {"a.py": REPOSITORY, "workspace.yaml": "mine"})
    code, out, err = init()
    assert (code, out) == (2, "")
    assert "cannot write workspace.yaml: it exists already" in err
    assert Path("workspace.yaml").read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == ["a.py", "workspace.yaml"]


def test_nothing_is_found(folder: Path, init: Callable[..., tuple[int, str, str]]) -> None:
    write(folder, {"a.py": "x = 1", "b.py": "import dagster"})
    code, out, err = init()
    assert (code, out) == (1, "")
    assert "cannot find any definitions below" in err
    assert "Dagster's own definitions are not served yet: b.py" in err
    assert init("-w", "nowhere/workspace.yaml")[0] == 2
    assert not Path("workspace.yaml").exists()


def test_another_folder(folder: Path, init: Callable[..., tuple[int, str, str]]) -> None:
    write(folder, {"team/a.py": REPOSITORY, "b.py": REPOSITORY})
    code, _, err = init("-w", "team/workspace.yaml")
    assert code == 0
    assert "try it with: hostler check -w team/workspace.yaml" in err
    assert entries(folder / "team") == [{"python_file": "a.py"}]


def test_of_many_files_the_first_are_looked_at(
    folder: Path, init: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "MOST_FILES", 2)
    write(folder, {f"{name}.py": REPOSITORY for name in "abcd"})
    code, _, err = init()
    assert code == 0
    assert "looked at the first " in err
    assert len(entries(folder)) == 2
