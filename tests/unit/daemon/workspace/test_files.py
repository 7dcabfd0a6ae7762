"""Several files, and files that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.problems import WorkspaceError


def entry(text: str) -> str:
    return f"load_from:\n  - {text}\n"


def test_all_problems_are_said_at_once_in_their_order(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("b.yaml", "a.yaml", "c.yaml"))
    first.write_text(entry("python_file: {relative_path: a.py, relod: 1, fork: 2}"))
    second.write_text("- 1")
    third.write_text(entry("python_file: ok.py") + "  - python_file: ok.py\n  - python_file: 1")
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([first, second, third], {})

    assert [
        (Path(problem.file).name, problem.line, problem.column) for problem in caught.value.problems
    ] == [
        ("b.yaml", 2, 40),
        ("b.yaml", 2, 56),
        ("a.yaml", 1, 1),
        ("c.yaml", 3, 5),
        ("c.yaml", 4, 18),
    ]
    assert caught.value.inputs == (str(first), str(second), str(third))


def test_a_name_twice_over_two_files_shows_both(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(entry("python_file: x.py"))
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([tmp_path / "a.yaml", tmp_path / "b.yaml"], {})

    assert str(caught.value) == (
        f"{tmp_path}/b.yaml:2:5: cannot use the location name `x.py` twice: the location at "
        f"{tmp_path}/a.yaml:2:5 has it; give one of them another `location_name`"
    )


def test_a_problem_names_the_file_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("workspace.yaml").write_text(entry("python_file: {relatve_path: a}"))
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([Path("workspace.yaml")], {})
    assert str(caught.value).startswith("workspace.yaml:2:19: cannot ")
    assert caught.value.inputs == (str(tmp_path / "workspace.yaml"),)


def unreadable(path: Path) -> str:
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([path], {})
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (0, 0)
    assert caught.value.inputs == (str(path),)
    assert str(problem) == f"{path}: {problem.message}"
    return problem.message


def test_a_missing_file(tmp_path: Path) -> None:
    assert unreadable(tmp_path / "no.yaml") == "cannot find the file; create it, or name another"


def test_a_folder(tmp_path: Path) -> None:
    assert unreadable(tmp_path) == "cannot read the file: it is a folder; name a file in it"


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert unreadable(tmp_path / "pipe") == "cannot read the file: it is no regular file"


def test_a_large_file(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (2**20 + 1))
    assert unreadable(file) == "cannot read the file: it is larger than 1,048,576 bytes"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    # The superuser, who runs tests in containers, may read everything.
    monkeypatch.setattr("hostler.daemon.workspace.text.reading.os.open", refuse)
    message = unreadable(tmp_path / "workspace.yaml")
    assert message == f"cannot read the file: permission denied to user {os.geteuid()}"


def test_a_path_component_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in unreadable(tmp_path / "file" / "workspace.yaml")
