"""hostler logs: of one location, of all of them in one, and of a run."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from component.facade_double.server import served

from hostler.cli.daemons.merged_logs import Entry, MergedLogs
from hostler.client import Client
from hostler.v1.run_pb2 import (
    LogMessage,
    PrintedLine,
    Run,
    RunEvent,
    RunStarted,
    RunSucceeded,
    StepStarted,
)
from hostler.v1.workspace_pb2 import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from component.cli.commands import Outcome
    from component.facade_double.state import Facade

RUN = "3f9a" + "0" * 28


def at(second: int, text: str) -> LogLine:
    line = LogLine(text=text, stream=LogLine.STDOUT, pid=7, role="location")
    line.time.seconds = 1_800_000_000 + second
    return line


@pytest.fixture
def logs(facade: Facade) -> Facade:
    """Gives two locations lines that alternate, and none to the third."""
    facade.logs["locations/etl"] = [at(1, "one"), at(3, "three"), at(3, "three")]
    facade.logs["locations/reports"] = [at(2, "two"), at(4, "four")]
    facade.logs["locations/broken"] = []
    return facade


@pytest.fixture
def run(facade: Facade) -> str:
    """Records a run that printed and logged, and returns its id."""
    pipeline = "locations/etl/repositories/nightly/pipelines/totals"
    events = [
        RunEvent(sequence=1, run_started=RunStarted()),
        RunEvent(sequence=2, step="load", printed_line=PrintedLine(text="a line")),
        RunEvent(sequence=3, step="load", step_started=StepStarted()),
        RunEvent(
            sequence=4, step="load", log_message=LogMessage(level=LogMessage.INFO, message="a log")
        ),
        RunEvent(sequence=5, run_succeeded=RunSucceeded()),
    ]
    for event in events:
        event.time.seconds = 1_800_000_000 + event.sequence
    name = f"runs/{RUN}"
    facade.runs[name] = Run(name=name, pipeline=pipeline, state=Run.SUCCEEDED, last_sequence=5)
    facade.events[name] = events
    return RUN


def texts(done: Outcome) -> list[str]:
    assert done.code == 0
    return [line.split()[-1] for line in done.out.splitlines()]


@pytest.mark.usefixtures("logs")
class TestLocations:
    def test_all_of_them_by_time_with_prefixes(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("logs")
        assert texts(done) == ["one", "two", "three", "three", "four"]
        prefixes = [line[:10] for line in done.out.splitlines()]
        assert prefixes == ["etl     | ", "reports | ", "etl     | ", "etl     | ", "reports | "]

    def test_some_of_them(self, hostler: Callable[..., Outcome]) -> None:
        assert texts(hostler("logs", "reports", "broken")) == ["two", "four"]
        done = hostler("logs", "etl")
        assert texts(done) == ["one", "three", "three"]
        assert " | " not in done.out

    def test_the_last_ones_of_all(self, hostler: Callable[..., Outcome]) -> None:
        assert texts(hostler("logs", "-n", "2")) == ["three", "four"]
        assert texts(hostler("logs", "-n", "0")) == []

    def test_since(self, hostler: Callable[..., Outcome]) -> None:
        moment = datetime.fromtimestamp(1_800_000_003, UTC).isoformat()
        assert texts(hostler("logs", "--since", moment)) == ["three", "three", "four"]
        done = hostler("logs", "--since", datetime.fromtimestamp(1_900_000_000, UTC).isoformat())
        assert texts(done) == []
        assert "hostler: no line since " in done.err
        assert done.err.endswith(", and 5 before\n")
        assert hostler("logs", "--since", "yesterday").code == 2

    def test_as_json(self, hostler: Callable[..., Outcome]) -> None:
        messages = hostler("logs", "--json").messages
        assert [each["location"] for each in messages[:2]] == ["etl", "reports"]
        assert messages[0]["text"] == "one"
        assert "location" not in hostler("logs", "etl", "--json").messages[0]

    def test_nothing_printed(self, hostler: Callable[..., Outcome], logs: Facade) -> None:
        done = hostler("logs", "broken")
        assert (done.code, done.out) == (0, "")
        assert done.err.startswith("hostler: broken has printed nothing since the daemon's start; ")
        assert "hostler ps -v" in done.err
        assert "hostler run watch RUN" in done.err
        for name in logs.logs:
            logs.logs[name] = []
        assert hostler("logs").err.startswith("hostler: no location has printed anything since ")

    def test_an_unknown_one(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("logs", "etl", "nothing")
        assert (done.code, done.out) == (1, "")
        assert "cannot find location" in done.err


class TestARun:
    def test_what_it_printed(self, hostler: Callable[..., Outcome], run: str) -> None:
        for name in (run, run[:4], f"runs/{run}"):
            lines = hostler("logs", "--run", name).out.splitlines()
            assert [line[14:] for line in lines] == [
                "load              | a line",
                "load              INFO a log",
            ]

    def test_its_last_line_and_since(self, hostler: Callable[..., Outcome], run: str) -> None:
        assert "a log" in hostler("logs", "--run", run, "-n", "1").out
        assert "a line" not in hostler("logs", "--run", run, "-n", "1").out
        moment = datetime.fromtimestamp(1_800_000_003, UTC).isoformat()
        assert "a line" not in hostler("logs", "--run", run, "--since", moment).out

    def test_as_json(self, hostler: Callable[..., Outcome], run: str) -> None:
        messages = hostler("logs", "--run", run, "--json").messages
        assert [each["sequence"] for each in messages] == ["2", "4"]

    def test_nothing(self, hostler: Callable[..., Outcome], run: str, facade: Facade) -> None:
        del facade.events[f"runs/{run}"][1:4]
        done = hostler("logs", "--run", run)
        assert (done.code, done.out) == (0, "")
        assert f"run {run} has printed nothing; see all its events with: " in done.err

    def test_not_beside_a_location(self, hostler: Callable[..., Outcome], run: str) -> None:
        assert hostler("logs", "--run", run, "etl").code == 2


def test_following_gives_each_line_once(folder: Path) -> None:
    """Lines that come between the past ones and the following are given, those before not again."""
    with served([folder / "workspace.yaml"], folder / "d.sock") as facade:
        facade.logs["locations/etl"] = [at(1, "one"), at(2, "same"), at(2, "same")]
        facade.logs["locations/reports"] = []
        with Client(folder / "d.sock") as client:
            merged = MergedLogs(client, ["locations/etl", "locations/reports"], all_names=False)
            held = [entry.line.text for entry in merged.held()]
            facade.log("locations/etl", "between")
            got: list[Entry] = []
            arrived = threading.Event()

            def follow() -> None:
                for entry in itertools.islice(merged.follow(), 3):
                    got.append(entry)
                    arrived.set()

            following = threading.Thread(target=follow)
            following.start()
            assert arrived.wait(30)
            facade.log("locations/reports", "later")
            facade.log("locations/etl", "later")
            following.join(30)
    assert held == ["one", "same", "same"]
    assert [entry.line.text for entry in got] == ["between", "later", "later"]
    assert {entry.location for entry in got[1:]} == {"locations/etl", "locations/reports"}


def test_a_location_that_comes_later_is_followed(folder: Path) -> None:
    with (
        served([folder / "workspace.yaml"], folder / "d.sock") as facade,
        Client(folder / "d.sock") as client,
    ):
        merged = MergedLogs(client, [], all_names=True)
        assert merged.held() == []
        (folder / "new.py").write_text("PIPELINES = {}")
        facade.load(folder / "new.py")
        lines = (entry.line.text for entry in merged.follow() if "new" in entry.location)
        assert next(lines) == "loaded new.py"
