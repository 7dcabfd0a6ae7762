"""The live view without a terminal: what is shown, and what the keys do."""

from __future__ import annotations

import click
import pytest

from hostler.cli.text.workspace_screen import MOST_RUNS, Action, Panel, WorkspaceScreen
from hostler.v1.run_pb2 import Run
from hostler.v1.workspace_pb2 import Location, LogLine, WorkspaceProblem

WIDE = 120


def location(name: str, state: Location.State.ValueType = Location.READY) -> Location:
    found = Location(name=f"locations/{name}", state=state, serving=state == Location.READY)
    if state == Location.FAILED:
        found.error.message = f"ImportError: {name} is broken"
        found.error.exception.traceback = 'Traceback:\n  File "x.py", line 1\nImportError'
    return found


def run(number: int, state: Run.State.ValueType = Run.RUNNING) -> Run:
    pipeline = "locations/etl/repositories/r/pipelines/totals"
    return Run(name=f"runs/{number:032x}", pipeline=pipeline, state=state)


@pytest.fixture
def screen() -> WorkspaceScreen:
    screen = WorkspaceScreen("/run/h.sock")
    screen.locations = [location("etl"), location("bad", Location.FAILED), location("reports")]
    return screen


def text(screen: WorkspaceScreen, width: int = WIDE, height: int = 40) -> list[str]:
    return [click.unstyle(line) for line in screen.lines(width, height)]


def marked(screen: WorkspaceScreen) -> str:
    (line,) = [line for line in text(screen) if line.startswith("> ")]
    return line.split()[1]


def test_before_anything_is_known() -> None:
    screen = WorkspaceScreen("/run/h.sock")
    assert text(screen) == ["starting ..."]
    assert [screen.press(key) for key in ("up", "down", "r", "l", "enter", "escape")].count(
        Action.RELOAD
    ) == 0
    assert screen.last_lines(WIDE) == []


def test_the_arrows_choose_a_location(screen: WorkspaceScreen) -> None:
    seen = [marked(screen)]
    for key in ("down", "j", "down", "k", "up", "up"):
        screen.press(key)
        seen.append(marked(screen))
    assert seen == ["etl", "bad", "reports", "reports", "bad", "etl", "etl"]


def test_the_choice_stays_with_its_location(screen: WorkspaceScreen) -> None:
    screen.press("down")
    screen.locations = [location("new"), *screen.locations]
    assert marked(screen) == "bad"
    screen.locations = [location("new")]
    assert marked(screen) == "new"


def test_keys_that_ask_for_more(screen: WorkspaceScreen) -> None:
    assert screen.press("r") == Action.RELOAD
    assert screen.press("q") == Action.QUIT
    assert screen.press("x") is None


def test_the_log_of_the_chosen_location(screen: WorkspaceScreen) -> None:
    assert screen.press("l") == Action.READ_LOGS
    assert "-- etl has printed nothing" in text(screen)
    screen.log = [LogLine(text=f"line {number}") for number in range(30)]
    assert text(screen)[-3].endswith("line 29")
    assert screen.press("down") == Action.READ_LOGS
    assert "-- bad has printed nothing" in text(screen), "the lines of etl are not shown as its own"
    assert screen.press("l") is None
    assert screen.panel == Panel.NONE


def test_the_error_of_the_chosen_location(screen: WorkspaceScreen) -> None:
    screen.press("enter")
    assert "-- etl has no error" in text(screen)
    screen.press("down")
    assert '  File "x.py", line 1' in text(screen)
    screen.press("escape")
    assert '  File "x.py", line 1' not in text(screen)


def test_help(screen: WorkspaceScreen) -> None:
    screen.press("?")
    assert any(line.startswith("r   ") for line in text(screen))
    assert not any(line.startswith("r   ") for line in screen.last_lines(WIDE))


def test_runs_that_have_not_ended(screen: WorkspaceScreen) -> None:
    screen.runs = [run(1, Run.QUEUED), *(run(number) for number in range(2, MOST_RUNS + 3))]
    lines = text(screen)
    assert sum("RUNNING" in line for line in lines) == MOST_RUNS
    assert "and 2 more runs" in lines
    assert not any("QUEUED" in line for line in lines), "those under way come first"
    assert not any("RUNNING" in line for line in screen.last_lines(WIDE)), "none goes on by then"


def test_a_message_takes_the_place_of_the_keys(screen: WorkspaceScreen) -> None:
    screen.message = "stopping: 2 runs"
    assert text(screen)[-1] == "stopping: 2 runs"
    assert screen.last_lines(WIDE)[-1] == "stopping: 2 runs"


def test_problems_of_the_files(screen: WorkspaceScreen) -> None:
    screen.problems = [WorkspaceProblem(file="/w.yaml", line=1, column=2, message="no such key")]
    for lines in (text(screen), screen.last_lines(WIDE)):
        assert any("/w.yaml:1:2" in click.unstyle(line) for line in lines)


@pytest.mark.parametrize("height", range(1, 30))
@pytest.mark.parametrize("key", ["l", "enter", "?"])
def test_it_is_never_higher_than_the_terminal(
    screen: WorkspaceScreen, height: int, key: str
) -> None:
    screen.locations = [*screen.locations, *(location(f"more{number}") for number in range(20))]
    for _ in range(12):
        screen.press("down")
    screen.press(key)
    screen.runs = [run(number) for number in range(9)]
    assert len(text(screen, height=height)) <= height
    if height >= 20:
        assert marked(screen) == "more9"
        assert any(line.startswith("> more9") for line in text(screen, height=height))
