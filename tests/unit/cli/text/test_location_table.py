from __future__ import annotations

import time

from unit.cli.locations import broken, plain, ready

from hostler.cli.text.location_table import location_lines
from hostler.cli.text.locations import failure_reason
from hostler.v1.workspace_pb2 import Location


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


def test_patterns_stand_under_the_row_with_what_they_match() -> None:
    location = ready()
    for files in (3, 1, 0):
        location.watched_patterns.add(pattern=f"/src/{files}/*.sql", files=files)
    assert plain(location_lines([location], None)).splitlines()[2:] == [
        "    watch /src/3/*.sql: 3 files",
        "    watch /src/1/*.sql: 1 file",
        "    watch /src/0/*.sql: matches no file; a change that it is to see reloads nothing",
    ]


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


def test_what_answers_from_before_a_restart_is_said() -> None:
    kept = broken()
    kept.from_before_restart = True
    assert "from before the daemon's restart" in plain(location_lines([kept], None, verbose=True))
    assert "restart, until" not in plain(location_lines([broken()], None, verbose=True))
