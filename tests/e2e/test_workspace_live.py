"""workspace.yaml is edited while the daemon runs."""

import sys
from pathlib import Path

import pytest
from e2e.harness import Daemon, eventually

from hostler.client import NotFoundError


def entries(*names: str) -> str:
    return "load_from:\n" + "".join(f"  - python_file: {name}\n" for name in names)


@pytest.fixture
def served(daemon: Daemon, source: str) -> Daemon:
    for name in ("a.py", "b.py", "c.py"):
        daemon.write(name, source.format(name=Path(name).stem))
    daemon.workspace.write_text(entries("a.py", "b.py"))
    daemon.start()
    for name in ("a.py", "b.py"):
        daemon.ready(name)
    return daemon


def names(daemon: Daemon) -> list[str]:
    return [each.name.removeprefix("locations/") for each in daemon.client.locations()]


def pids(daemon: Daemon) -> dict[str, int]:
    return {each.name.removeprefix("locations/"): each.pid for each in daemon.client.locations()}


def test_add_remove_and_reorder_touch_nobody_else(served: Daemon) -> None:
    before = pids(served)
    served.workspace.write_text(entries("c.py", "b.py", "a.py"))
    eventually(lambda: names(served) == ["c.py", "b.py", "a.py"])
    served.ready("c.py")
    served.workspace.write_text("# a comment moves every line\n" + entries("b.py", "a.py"))
    eventually(lambda: names(served) == ["b.py", "a.py"])
    assert pids(served) == before
    with pytest.raises(NotFoundError):
        served.client.location("c.py")
    eventually(lambda: len(served.at_work()) == 4, "the process of the removed one is gone")


def test_a_changed_entry_touches_its_location_alone(served: Daemon) -> None:
    before = pids(served)
    changed = entries("a.py") + (
        "  - python_file:\n      relative_path: b.py\n      env: {GREETING: hello}\n"
    )
    served.workspace.write_text(changed)
    assert served.ready("b.py", generation=2).pid != before["b.py"]
    assert served.ready("a.py").pid == before["a.py"]


def test_another_interpreter(served: Daemon) -> None:
    before = pids(served)
    changed = entries("a.py") + (
        "  - python_environment:\n"
        f"      executable_path: {sys.base_prefix}/bin/python3\n"
        "      target: {python_file: {relative_path: b.py}}\n"
    )
    served.workspace.write_text(changed)
    location = served.ready("b.py", generation=2)
    assert location.executable == f"{sys.base_prefix}/bin/python3"
    assert served.ready("a.py").pid == before["a.py"]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("load_from:\n\t- python_file: a.py\n", 2, 1, "tab"),
        (
            (
                "load_from:\n  - python_environment:\n      exectuable_path: x\n"
                "      target:\n        python_file: a.py\n"
            ),
            3,
            7,
            "did you mean `executable_path`",
        ),
        ("- python_file: a.py\n", 1, 1, "load_from"),
        ("", 1, 1, "load_from"),
    ],
)
def test_an_invalid_file_changes_nothing(
    served: Daemon, text: str, line: int, column: int, words: str
) -> None:
    before = pids(served)
    served.workspace.write_text(text)
    problems = eventually(lambda: served.client.workspace().problems)
    assert (problems[0].line, problems[0].column) == (line, column)
    assert words in problems[0].message
    assert problems[0].file == str(served.workspace)
    assert pids(served) == before
    served.workspace.write_text(entries("a.py", "b.py", "c.py"))
    served.ready("c.py")
    assert not served.client.workspace().problems


def test_a_deleted_file_changes_nothing(served: Daemon) -> None:
    before = pids(served)
    served.workspace.unlink()
    eventually(lambda: served.client.workspace().problems)
    assert pids(served) == before
    served.workspace.write_text(entries("a.py"))
    eventually(lambda: names(served) == ["a.py"])


def test_stop_and_start(served: Daemon) -> None:
    stopped = served.client.stop("a.py")
    assert stopped.state == stopped.STOPPED
    assert not stopped.pid
    started = served.client.start("a.py")
    assert started.state == started.READY
    assert served.pipelines("a.py") == ["a"]


def test_restart_and_reload(served: Daemon) -> None:
    before = pids(served)
    for act in (served.client.reload, served.client.restart):
        (after,) = act("a.py")
        assert after.state == after.READY
        assert after.pid != before["a.py"]
        before["a.py"] = after.pid
    assert pids(served)["b.py"] == before["b.py"]
