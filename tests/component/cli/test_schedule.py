"""hostler schedule start, stop, ticks and logs, against the double."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from component.cli.commands import Outcome

pytestmark = pytest.mark.usefixtures("facade")


@pytest.fixture(autouse=True)
def _clock_of_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_start_and_stop(hostler: Callable[..., Outcome]) -> None:
    assert "STOPPED" in hostler("schedule", "list", "-l", "reports").out
    done = hostler("schedule", "start", "nightly")
    assert (done.code, done.out) == (0, "nightly  RUNNING  next 2026-01-05 06:00:00\n")
    row = hostler("schedule", "list", "-l", "reports").out.splitlines()[1]
    assert "RUNNING" in row
    assert "2026-01-04 06:00:00 LAUNCHED" in row
    shown = hostler("schedule", "show", "nightly").out
    assert "RUNNING by command\n  next 2026-01-05 06:00:00\n  last 2026-01-04" in shown
    done = hostler("schedule", "stop", "nightly", "--json")
    assert json.loads(done.out)["activity"]["isChosen"] is True
    assert hostler("schedule", "stop", "nightly").out == "nightly  STOPPED\n"


def test_ticks(hostler: Callable[..., Outcome]) -> None:
    lines = hostler("schedule", "ticks", "nightly").out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["LAUNCHED", "SKIPPED", "FAILED", "MISSED"]
    assert lines[1].split()[:4] == ["2026-01-04", "06:00:00", "LAUNCHED", "r1"]
    assert lines[2].endswith("nothing new")
    assert len(hostler("schedule", "ticks", "nightly", "-n", "3").out.splitlines()) == 4
    done = hostler("schedule", "ticks", "-s", "failed", "-s", "MISSED", "nightly", "--json")
    assert [tick["state"] for tick in json.loads(done.out)["ticks"]] == ["FAILED", "MISSED"]
    assert "no ticks" in hostler("schedule", "ticks", "-s", "PENDING", "nightly").err


def test_logs(hostler: Callable[..., Outcome]) -> None:
    lines = hostler("schedule", "logs", "nightly").out.splitlines()
    missed = "2025-12-31 06:00:00 to 2026-01-01 06:00:00  MISSED  the daemon did not run"
    assert lines[0] == missed
    assert "2026-01-02 06:00:00  FAILED  KeyError: 'day'" in lines
    assert "  KeyError: 'day'" in lines
    assert lines[-2:] == [
        "2026-01-04 06:00:00  LAUNCHED  run r1",
        "  its functions took 20 ms in 1 try",
    ]
    done = hostler("schedule", "logs", "-n", "2", "nightly", "--json")
    assert [tick["state"] for tick in json.loads(done.out)["ticks"]] == ["SKIPPED", "LAUNCHED"]


@pytest.mark.parametrize("command", ["start", "stop", "ticks", "logs"])
def test_an_unknown_schedule(hostler: Callable[..., Outcome], command: str) -> None:
    done = hostler("schedule", command, "nighly", "-l", "reports")
    assert (done.code, done.out) == (1, "")
    assert "cannot find a schedule 'nighly'; did you mean nightly?" in done.err


@pytest.mark.parametrize("command", ["start", "stop", "ticks", "logs"])
def test_no_daemon_is_started_for_it(
    hostler: Callable[..., Outcome], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTLER_SOCKET", str(tmp_path / "nobody.sock"))
    done = hostler("schedule", command, "nightly")
    assert done.code == 3
