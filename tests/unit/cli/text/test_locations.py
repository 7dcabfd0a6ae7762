from __future__ import annotations

from unit.cli.locations import broken

from hostler.cli.text.locations import (
    changes_summary,
    failure_output,
    failure_reason,
    unknown_location_error,
)
from hostler.v1.workspace_pb2 import DefinitionChanges


def test_what_python_says_of_a_place_is_not_said_twice() -> None:
    location = broken()
    location.error.message = "SyntaxError: invalid syntax (broken.py, line 12)"
    assert failure_reason(location) == "SyntaxError: invalid syntax (/src/broken.py:12)"


def test_a_traceback_without_a_frame_is_left_out() -> None:
    location = broken()
    location.error.exception.traceback = "hostler.host.errors.TargetError: cannot find it\n"
    assert failure_output(location) == "last output:\n| bye"


def test_an_unknown_location_names_the_nearest_or_all() -> None:
    there = ["locations/etl", "locations/reports"]
    near = unknown_location_error("locations/reprts", there)
    assert str(near) == "cannot find the location reprts; did you mean reports?"
    far = unknown_location_error("locations/x", there)
    assert str(far) == "cannot find the location x; there are: etl, reports"


def test_of_many_changes_some_are_named_and_the_others_counted() -> None:
    changes = DefinitionChanges(added=[f"repo/{number}" for number in range(3)], removed=["repo/x"])
    assert changes_summary(changes, 4) == "+ repo/0, + repo/1, + repo/2, - repo/x"
    assert changes_summary(changes, 2) == "+ repo/0, + repo/1, and 2 more"
    assert changes_summary(DefinitionChanges(), 2) == ""
