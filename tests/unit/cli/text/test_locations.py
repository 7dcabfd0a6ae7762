from __future__ import annotations

import time

import click
import pytest

from hostler.cli.daemons.workspace_view import WorkspaceView, pending
from hostler.cli.text.locations import (
    change_lines,
    changes_summary,
    failure_output,
    failure_reason,
    location_lines,
    unknown_location_error,
)
from hostler.v1.workspace_pb2 import (
    DefinitionChanges,
    LoadError,
    Location,
    Workspace,
    WorkspaceChange,
)


def ready(name: str = "etl") -> Location:
    location = Location(
        name=f"locations/{name}",
        state=Location.READY,
        generation=3,
        serving=True,
        executable="/opt/envs/a-long-name-of-an-environment/bin/python3.11",
        python_version="3.11.7",
        pid=1234567,
        restarts=2,
        memory_bytes=123_456_789,
    )
    location.start_time.FromSeconds(int(time.time()) - 320)
    return location


def broken() -> Location:
    location = ready("broken")
    location.state = Location.FAILED
    location.error.CopyFrom(
        LoadError(kind=LoadError.IMPORT, message="SyntaxError: invalid syntax", output=["bye"])
    )
    location.error.source.file, location.error.source.line = "/src/broken.py", 12
    location.error.exception.traceback = '  File "/src/broken.py", line 12\nSyntaxError\n'
    return location


def plain(lines: list[str]) -> str:
    return click.unstyle("\n".join(lines))


def test_a_location_shows_all_of_it_where_there_is_room() -> None:
    text = plain(location_lines([ready()], None))
    assert text.splitlines()[0].split() == [
        "LOCATION", "STATE", "GEN", "SERVING", "PYTHON", "PID", "UPTIME", "RESTARTS", "MEMORY",
        "PRIVATE", "LOADED", "INTERPRETER",
    ]  # fmt: skip
    for part in ("etl", "READY", "3", "yes", "3.11.7", "1234567", "5m 2", "2", "123 MB", "/opt/"):
        assert part in text


def test_eighty_columns_hold_all_but_the_interpreter() -> None:
    lines = plain(location_lines([ready(), broken()], 80)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[-1] == "MEMORY"


def test_a_failure_stands_under_its_row_and_the_last_good_one_serves() -> None:
    lines = plain(location_lines([broken(), ready()], None)).splitlines()
    assert lines[1].split()[:4] == ["broken", "FAILED", "3", "old"]
    assert lines[2] == "    SyntaxError: invalid syntax (/src/broken.py:12)"
    assert "Traceback" not in "\n".join(lines)


def test_verbose_adds_the_traceback_and_the_last_output() -> None:
    text = plain(location_lines([broken()], None, verbose=True))
    assert '      File "/src/broken.py", line 12' in text
    assert "| bye" in text
    assert "interpreter: /opt/" in text


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


def test_a_long_reason_is_folded_to_the_width() -> None:
    location = broken()
    location.error.message = "word " * 40
    lines = plain(location_lines([location], 60)).splitlines()
    assert all(len(line) <= 60 and line.startswith("    ") for line in lines[2:])
    assert len(lines) > 4


def test_the_next_try_is_named() -> None:
    location = broken()
    location.state = Location.BACKOFF
    location.retry_time.FromSeconds(int(time.time()) + 60)
    assert "; next try in " in plain(location_lines([location], None))
    assert "next try" not in failure_reason(location)


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


def test_of_many_changes_some_are_named_and_the_others_counted() -> None:
    changes = DefinitionChanges(added=[f"repo/{number}" for number in range(3)], removed=["repo/x"])
    assert changes_summary(changes, 4) == "+ repo/0, + repo/1, + repo/2, - repo/x"
    assert changes_summary(changes, 2) == "+ repo/0, + repo/1, and 2 more"
    assert changes_summary(DefinitionChanges(), 2) == ""


def test_the_view_follows_the_changes() -> None:
    view = WorkspaceView()
    starting = Location(name="locations/slow", state=Location.STARTING)
    workspace = Workspace(locations=[ready(), starting])
    assert len(view.apply(WorkspaceChange(revision=4, workspace=workspace))) == 2
    assert [location.name for location in pending(view.locations.values())] == ["locations/slow"]
    view.apply(WorkspaceChange(revision=5, location=broken()))
    view.apply(WorkspaceChange(revision=6, removed_location="locations/slow"))
    assert list(view.locations) == ["locations/etl", "locations/broken"]
    assert view.revision == 6
    assert pending(view.locations.values()) == []
