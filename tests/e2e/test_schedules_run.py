"""Schedules that run, in a real daemon whose wall clock the test sets."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from e2e.harness import PATIENCE, Daemon, daemon_in, eventually

from hostler.client import NotFoundError, UserCodeError
from hostler.v1.definitions_pb2 import Tick
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = """\
import os
from hostler.definitions import (
    ScheduleDefinition, SkipReason, hourly_schedule, pipeline, repository, schedule, solid,
)


@solid(config_schema={"at": str})
def tells(context):
    context.log.info("%s in %s", context.config["at"], os.environ.get("REGION"))


@pipeline(tags={"group": "g"})
def p():
    tells()


@schedule(
    "* * * * *", "p", execution_timezone="Europe/Berlin", tags={"team": "a"},
    environment_vars={"REGION": "eu"}, default_status="running",
)
def each_minute(context):
    return {"solids": {"tells": {"config": {"at": context.scheduled_execution_time.isoformat()}}}}


@schedule("* * * * *", "p")
def skips():
    return SkipReason("nothing new")


@schedule("* * * * *", "p", should_execute=lambda: False)
def says_no():
    return {}


@schedule("* * * * *", "p", max_retries=1)
def raises():
    print("asked", flush=True)
    raise KeyError("day")


@schedule("* * * * *", "p")
def misfit():
    return {"solids": {"tells": {"config": {"at": 3, "more": 1}}}}


@schedule("* * * * *", "p")
def dies():
    os._exit(3)


@schedule("* * * * *", "p")
def slow():
    import time
    time.sleep(60)


def of_the_last_hour():
    return hourly_schedule(
        "p", "2026-01-01", name="by_hour", execution_time=MINUTE, default_status="running"
    )(lambda moment: {"solids": {"tells": {"config": {"at": moment.isoformat()}}}})


by_hour = of_the_last_hour() if (MINUTE := os.environ.get("MINUTE")) else None


def lazy():
    return ScheduleDefinition(
        "lazy", "* * * * *", "p", run_config={"solids": {"tells": {"config": {"at": "lazy"}}}},
    )


@repository
def repo():
    eager = (each_minute, skips, says_no, raises, misfit, dies, slow)
    eager = (*eager, by_hour) if by_hour else eager
    return {
        "pipelines": {"p": p},
        "schedules": {**{each.name: each for each in eager}, "lazy": lazy},
    }
"""

PLACE = ("repos.py", "repo")


class ClockedDaemon(Daemon):
    """Has a wall clock of its own."""

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    def command(self, *arguments: str) -> list[str]:
        first, *_ = super().command()
        entry = Path(__file__).with_name("clocked_daemon.py")
        rest = super().command(*arguments)
        return [first, "-P", str(entry), str(self.clock), *rest[rest.index("-w") :]]

    def set_clock(self, ahead: float) -> None:
        """Sets the clock of the daemon, whether it runs or not."""
        new = self.folder / "clock.new"
        new.write_text(str(ahead))
        new.rename(self.clock)

    @property
    def now(self) -> float:
        return time.time() + float(self.clock.read_text())

    def next_minute(self) -> int:
        """Puts the clock two seconds before its next full minute; returns that minute."""
        minute = int(self.now // 60 + 1) * 60
        self.set_clock(minute - 2 - time.time())
        return minute


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ClockedDaemon]:
    with daemon_in(tmp_path, tick_timeout="5") as made:
        clocked = ClockedDaemon(made.folder, made.environ)
        clocked.write("repos.py", CODE)
        clocked.workspace.write_text("load_from:\n  - python_file: repos.py\n")
        clocked.set_clock(30 - time.time() % 60)  # half a minute until something is due
        try:
            yield clocked
        finally:
            clocked.stop()


def ticks(daemon: Daemon, name: str = "each_minute") -> list[Tick]:
    """Returns the ticks of a schedule that are settled, in their order."""
    found = daemon.client.ticks(*PLACE, name)
    return [tick for tick in reversed(found) if tick.state != Tick.PENDING]


def settled(daemon: Daemon, when: int, name: str = "each_minute") -> Tick:
    def find() -> Tick | None:
        of = [tick for tick in ticks(daemon, name) if tick.scheduled_time.seconds == when]
        return of[0] if of else None

    return eventually(find, f"{name} at {when}")


def test_a_run_for_a_tick(daemon: ClockedDaemon) -> None:
    daemon.start().ready("repos.py")
    schedule = daemon.client.schedule(*PLACE, "each_minute")
    assert (schedule.activity.is_running, schedule.activity.is_chosen) == (True, False)
    minute = daemon.next_minute()
    tick = settled(daemon, minute)
    assert tick.state == Tick.LAUNCHED, tick
    run = eventually(partial(_ended, daemon, tick.run))
    assert run.state == Run.SUCCEEDED
    local = datetime.fromtimestamp(minute, UTC).astimezone(ZoneInfo("Europe/Berlin")).isoformat()
    assert dict(run.tags) == {
        "team": "a",
        "group": "g",
        "hostler/schedule": "each_minute",
        "hostler/scheduled_time": local,
    }
    logged = [each.log_message.message for each in daemon.client.watch_run(run.name)]
    assert f"{local} in eu" in logged
    activity = daemon.client.schedule(*PLACE, "each_minute").activity
    assert activity.last_tick.run == run.name
    assert [one.seconds for one in activity.next_tick_times] == [
        minute + 60 * number for number in range(1, 6)
    ]
    listed = {one.name.rpartition("/")[2]: one.activity for one in daemon.client.schedules()}
    assert listed["each_minute"].last_tick.name == f"{schedule.name}/ticks/{minute}"
    assert not listed["skips"].is_running


def test_a_run_for_the_hour_that_has_ended_last(daemon: ClockedDaemon) -> None:
    minute = daemon.next_minute()
    due = datetime.fromtimestamp(minute, UTC)
    daemon.set_clock(minute - 40 - time.time())
    entry = f"{{relative_path: repos.py, env: {{MINUTE: '00:{due:%M}'}}}}"
    daemon.workspace.write_text(f"load_from:\n  - python_file: {entry}\n")
    daemon.start().ready("repos.py")
    daemon.set_clock(minute - 2 - time.time())
    tick = settled(daemon, minute, "by_hour")
    assert tick.state == Tick.LAUNCHED, tick
    run = eventually(partial(_ended, daemon, tick.run))
    assert run.state == Run.SUCCEEDED
    begin = (due - timedelta(hours=1)).replace(minute=0)
    name = begin.strftime("%Y-%m-%d-%H:%M")
    assert run.partition.endswith(f"/partitionSets/by_hour_partitions/partitions/{name}")
    assert (run.tags["hostler/partition"], run.tags["group"]) == (name, "g")
    logged = [each.log_message.message for each in daemon.client.watch_run(run.name)]
    assert any(begin.isoformat() in text for text in logged)


def _ended(daemon: Daemon, name: str) -> Run | None:
    run = daemon.client.run(name)
    return run if run.HasField("end_time") else None


def test_every_answer(daemon: ClockedDaemon) -> None:
    daemon.start().ready("repos.py")
    names = ["skips", "says_no", "raises", "misfit", "slow", "lazy"]
    for name in names:
        assert daemon.client.start_schedule(*PLACE, name).activity.is_chosen
    minute = daemon.next_minute()
    found = {name: settled(daemon, minute, name) for name in names}
    assert {name: Tick.State.Name(tick.state) for name, tick in found.items()} == {
        "skips": "SKIPPED",
        "says_no": "SKIPPED",
        "raises": "FAILED",
        "misfit": "FAILED",
        "slow": "FAILED",
        "lazy": "LAUNCHED",
    }
    assert found["skips"].reason == "nothing new"
    assert found["says_no"].reason == "should_execute returned False"
    assert found["raises"].attempts == 2
    assert found["raises"].exception.type == "KeyError"
    assert 'raise KeyError("day")' in found["raises"].exception.traceback
    assert "unknown; did you mean" in found["misfit"].reason or "more" in found["misfit"].reason
    assert found["slow"].reason == "its functions took longer than 5 s (tick_timeout)"
    assert found["slow"].duration.seconds >= 5
    of_slow = found["slow"].end_time.ToDatetime()
    assert all(found[name].end_time.ToDatetime() < of_slow for name in ("skips", "misfit", "lazy"))
    runs = {run.tags["hostler/schedule"] for run in daemon.client.runs()}
    assert runs == {"each_minute", "lazy"}


def test_a_function_that_ends_its_process_fails_its_tick_alone(daemon: ClockedDaemon) -> None:
    daemon.start().ready("repos.py")
    daemon.client.start_schedule(*PLACE, "dies")
    minute = daemon.next_minute()
    assert settled(daemon, minute).state == Tick.LAUNCHED
    pending = daemon.client.ticks(*PLACE, "dies", states=[Tick.PENDING])
    died = settled(daemon, minute, "dies") if not pending else None
    if died is None:
        died = eventually(
            lambda: next(iter(ticks(daemon, "dies")), None), "it gives up", timeout=2 * PATIENCE
        )
    assert died.state == Tick.FAILED
    assert "exit" in died.reason


def test_a_choice_survives_kill_9_and_what_was_stopped_stays_so(daemon: ClockedDaemon) -> None:
    daemon.start().ready("repos.py")
    daemon.client.start_schedule(*PLACE, "lazy")
    daemon.client.stop_schedule(*PLACE, "each_minute")
    daemon.kill()
    minute = daemon.next_minute()
    daemon.set_clock(daemon.now + 3600 - time.time())  # an hour passes
    daemon.start().ready("repos.py")
    caught_up = eventually(lambda: len(found := ticks(daemon, "lazy")) > 1 and found)
    assert [tick.state for tick in caught_up] == [Tick.MISSED, Tick.LAUNCHED]
    assert caught_up[0].first_scheduled_time.seconds == minute
    assert ticks(daemon) == []
    assert not daemon.client.schedule(*PLACE, "each_minute").activity.is_running


def test_pages_of_ticks(daemon: ClockedDaemon) -> None:
    daemon.start().ready("repos.py")
    minutes = []
    for _ in range(3):
        minutes.append(daemon.next_minute())
        settled(daemon, minutes[-1])
        eventually(lambda: _ended(daemon, ticks(daemon)[-1].run))
    newest = daemon.client.ticks(*PLACE, "each_minute", 2)
    assert [tick.scheduled_time.seconds for tick in newest] == minutes[:0:-1]
    everything = daemon.client.ticks(*PLACE, "each_minute", states=[Tick.LAUNCHED])
    assert [tick.scheduled_time.seconds for tick in everything] == minutes[::-1]
    assert daemon.client.ticks(*PLACE, "each_minute", states=[Tick.FAILED]) == []


def test_what_goes_wrong(daemon: ClockedDaemon) -> None:
    daemon.write("repos.py", CODE.replace("def lazy():\n", "def lazy():\n    1 / 0\n"))
    daemon.start().ready("repos.py")
    client = daemon.client
    for call in (client.start_schedule, client.stop_schedule, client.ticks):
        with pytest.raises(NotFoundError, match="cannot find schedule 'each_minut'"):
            call(*PLACE, "each_minut")
    with pytest.raises(UserCodeError, match="division by zero"):
        client.start_schedule(*PLACE, "lazy")
    daemon.write("repos.py", "def broken(:\n")
    daemon.client.reload("repos.py")
    assert client.stop_schedule(*PLACE, "each_minute").activity.is_chosen, "the last good one"
