from __future__ import annotations

import pytest
from unit.cli.locations import broken, ready

from hostler.cli.text.changes import change_lines
from hostler.v1.workspace_pb2 import Location, WorkspaceChange


@pytest.mark.parametrize(
    ("location", "reason", "expected"),
    [
        (ready(), "saved", "etl RELOADING -> READY; generation 3; saved"),
        (
            broken(),
            "SyntaxError: invalid syntax",
            (
                "broken RELOADING -> FAILED; SyntaxError: invalid syntax (/src/broken.py:12); "
                "generation 3 answers"
            ),
        ),
    ],
)
def test_a_change_is_one_line(location: Location, reason: str, expected: str) -> None:
    change = WorkspaceChange(reason=reason, old_state=Location.RELOADING, location=location)
    (line,) = change_lines(change)
    assert line.split(" ", 1)[1] == expected
