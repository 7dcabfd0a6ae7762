"""A workspace.yaml that cannot be used: hostlerd refuses it, a daemon that runs goes on."""

import os
import subprocess

import pytest
from e2e.harness import PATIENCE, Daemon, eventually


def refused(daemon: Daemon) -> str:
    """Returns what hostlerd says on stderr when it refuses to start."""
    daemon.socket.parent.mkdir(mode=0o700, exist_ok=True)
    ended = subprocess.run(
        daemon.command(),
        check=False,
        capture_output=True,
        text=True,
        env=daemon.environ,
        timeout=PATIENCE,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ("workspace.yaml", "cannot find")),
        ("", ("workspace.yaml:1:1", "the file is empty", "`load_from:`")),
        ("- python_file: a.py\n", ("workspace.yaml:1:1", "a list", "load_from")),
        (
            "load_from:\n  - python_file:\n\t  relative_path: a.py\n",
            ("workspace.yaml:3:1", "a tab", "with spaces", "replace the tab"),
        ),
        (
            "load_from:\n  - python_environment:\n      exectuable_path: a\n      other: 1\n",
            ("workspace.yaml:3:7", "`exectuable_path`", "`executable_path`", "4:7", "`other`"),
        ),
        ("load_from: [\n", ("workspace.yaml:2:1", "cannot read this as YAML")),
    ],
    ids=["missing", "empty", "list", "tab", "keys", "unclosed"],
)
def test_a_workspace_that_cannot_be_read(
    daemon: Daemon, text: str | None, words: tuple[str, ...]
) -> None:
    if text is not None:
        daemon.workspace.write_text(text)
    said = refused(daemon)
    for word in words:
        assert word in said


def test_a_workspace_that_is_a_folder(daemon: Daemon) -> None:
    daemon.workspace.mkdir()
    assert f"{daemon.workspace}" in refused(daemon)


def test_a_workspace_whose_folder_is_a_file(daemon: Daemon) -> None:
    daemon.workspace = daemon.write("a file", "") / "workspace.yaml"
    assert f"{daemon.workspace}" in refused(daemon)


def test_a_workspace_in_a_folder_that_may_not_be_entered(daemon: Daemon, source: str) -> None:
    """Root may enter every folder, and is served."""
    daemon.write("closed/good.py", source.format(name="first"))
    daemon.workspace = daemon.write(
        "closed/workspace.yaml", "load_from:\n  - python_file: good.py\n"
    )
    daemon.workspace.parent.chmod(0)
    try:
        if os.geteuid() == 0:
            daemon.start().ready("good.py")
        else:
            assert f"{daemon.workspace}" in refused(daemon)
    finally:
        daemon.workspace.parent.chmod(0o700)


def test_a_workspace_that_becomes_invalid_changes_nothing(daemon: Daemon, source: str) -> None:
    daemon.write("good.py", source.format(name="first"))
    good = "load_from:\n  - python_file: good.py\n"
    daemon.workspace.write_text(good)
    daemon.start()
    before = daemon.ready("good.py")

    def problem(text: str, message: str) -> tuple[str, int, int]:
        daemon.workspace.write_text(text)
        (found,) = eventually(
            lambda: [each for each in daemon.client.workspace().problems if message in each.message]
        )
        return found.file, found.line, found.column

    path = str(daemon.workspace)
    assert problem("load_from:\n\t- a\n", "a tab") == (path, 2, 1)
    assert problem(good + "  - pyton_file: a.py\n", "`python_file`") == (path, 3, 5)
    assert problem("", "the file is empty") == (path, 1, 1)
    assert f"{path}:3:5: " in daemon.log.read_text()
    after = daemon.client.location("good.py")
    assert (after.pid, after.generation) == (before.pid, before.generation)
    assert daemon.pipelines("good.py") == ["first"]
    daemon.workspace.unlink()
    eventually(lambda: "cannot find" in daemon.client.workspace().problems[0].message)
    daemon.workspace.write_text(good)
    eventually(lambda: not daemon.client.workspace().problems)
    assert daemon.client.location("good.py").pid == before.pid
