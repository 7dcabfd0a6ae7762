"""The command in this process, against the double of the daemon."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from component.cli.commands import Outcome
from component.facade_double.server import served

from hostler.cli.daemons import process
from hostler.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from component.facade_double.state import Facade


TESTS = Path(__file__).parents[2]
FILES = {
    "etl": "PIPELINES = {'totals': ['load', 'add'], 'bad': ['load', 'fail'], 'long': ['block']}",
    "reports": (
        "PIPELINES = {'totals': ['load']}\n"
        "SCHEDULES = {'nightly': '0 6 * * *'}\n"
        "PARTITION_SETS = {'days': ['2026-01-01', '2026-01-02', 'eu/2026-01-03']}\n"
        "PRESETS = {'local': {'runConfig': {'a': {'b': 1, 'c': 2}}, 'solids': ['load'],"
        " 'tags': {'env': 'dev', 'team': 'x'}, 'description': 'Few rows.'}}"
    ),
    "broken": "x = undefined_name",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a workspace the present folder, and puts the double in the daemon's place."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    entries = "".join(f"- python_file: {name}.py\n" for name in FILES)
    (tmp_path / "workspace.yaml").write_text(f"load_from:\n{entries}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("HOSTLER_SOCKET", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(
        process, "HOSTLERD", (sys.executable, "-m", "component.facade_double.server")
    )
    return tmp_path


@pytest.fixture
def facade(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Facade]:
    """Serves the double, as a daemon that runs already."""
    monkeypatch.setenv("HOSTLER_SOCKET", str(folder / "d.sock"))
    with served([folder / "workspace.yaml"], folder / "d.sock") as facade:
        yield facade


@pytest.fixture
def hostler(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Returns a function that runs the command."""

    def run(*arguments: str) -> Outcome:
        code = main(arguments)
        streams = capsys.readouterr()
        assert "\x1b" not in streams.out + streams.err
        return Outcome(code, streams.out, streams.err)

    return run
