"""hostler location imports and hostler state compact, with a real daemon."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Shell, shell_in
from e2e.harness import eventually

from hostler.v1.workspace_pb2 import MeasureImportsResponse

REPOS = """\
import os
import outer
from hostler.definitions import pipeline, solid

assert os.environ["WHERE"] == "here"
print("printed by the load")


@solid
def one(context):
    return 1


@pipeline
def p():
    one()
"""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path) as shell:
        shell.write("repos.py", REPOS)
        shell.write("outer.py", "import inner\n")
        shell.write("inner.py", "total = sum(range(300_000))\n")
        shell.write(
            "workspace.yaml",
            "load_from:\n  - python_file: {relative_path: repos.py, env: {WHERE: here}}\n",
        )
        yield shell
        eventually(lambda: not shell.processes(), "nothing is left")


def test_the_imports_of_a_location(shell: Shell) -> None:
    done = shell.run("location", "imports", "repos.py", "--json")
    assert done.code == 0, done.err
    measured = done.message(MeasureImportsResponse)
    depths = {module.name: module.depth for module in measured.modules}
    assert depths["inner"] == depths["outer"] + 1
    assert not [name for name in depths if name.startswith("hostler")]
    times = {module.name: module for module in measured.modules}
    assert times["outer"].total_duration.ToNanoseconds() > (
        times["inner"].self_duration.ToNanoseconds()
    )
    assert measured.duration.ToNanoseconds() > times["outer"].total_duration.ToNanoseconds()
    tree = shell.run("location", "imports", "repos.py", "--tree", "-n", "0").out.splitlines()
    place = next(number for number, line in enumerate(tree) if line.endswith(" outer"))
    assert tree[place + 1].endswith("   inner")


def test_the_imports_of_a_location_that_does_not_load(shell: Shell) -> None:
    shell.write("inner.py", "raise ValueError('broken')\n")
    done = shell.run("location", "imports", "repos.py")
    assert done.code == 4
    assert "the load failed: ValueError: broken" in done.err


def test_compact_needs_a_daemon_that_runs(shell: Shell) -> None:
    done = shell.run("state", "compact")
    assert done.code == 3
    assert "cannot reach a daemon" in done.err
