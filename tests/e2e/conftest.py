from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.harness import Daemon, daemon_in
from e2e.interpreters import missing

#: A location with one eager pipeline, which the code names.
SOURCE = """\
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return 1


@pipeline
def {name}():
    one()


@repository
def repo():
    return [{name}]
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Makes a daemon that is not started yet, with the default settings."""
    with daemon_in(tmp_path) as made:
        yield made


@pytest.fixture
def source() -> str:
    """Returns the text of a location; format it with the name of its pipeline."""
    return SOURCE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which interpreters were missing in the tests."""
    if missing():
        terminalreporter.section("interpreters", yellow=True)
        terminalreporter.line(
            f"not tested, since pyenv has none: Python {', '.join(missing())}", yellow=True
        )
