"""Schedules: how late the runs of a thousand are that are due at once, and what waiting costs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil

from bench.daemon import PATIENCE, all_ready, hostlerd, workspace
from bench.figures import Figure, Report
from hostler.client import Client
from hostler.v1.definitions_pb2 import Tick

LOCATIONS, SCHEDULES = 10, 1000

#: Seconds over which the processor time of an idle daemon is taken.
IDLE_SECONDS = 20.0

#: A function gives each run config, as schedules mostly have it.
SOURCE = """\
from hostler.definitions import PipelineDefinition, ScheduleDefinition, repository


@repository
def bench():
    return [PipelineDefinition("empty", [])] + [
        ScheduleDefinition(
            "s%d" % number, "{cron}", "empty", default_status="{status}",
            run_config_fn=lambda context: {{}},
        )
        for number in range({count})
    ]
"""

EACH_MINUTE, NEVER_SOON = "* * * * *", "0 0 29 2 *"


def run() -> Report:
    """Measures a minute in which all are due, then daemons in which none is."""
    late = _lateness()
    waiting, stopped = _idle("running"), _idle("stopped")
    ordered = sorted(late)
    return Report(
        "schedules",
        f"{SCHEDULES:,} schedules in {LOCATIONS} locations",
        (
            Figure("due at one second: late", "ms", tuple(late), 1000),
            Figure("  99 of 100 are no later", "ms", (ordered[len(ordered) * 99 // 100],), 1000),
            Figure("  the latest", "ms", (ordered[-1],)),
            Figure("not due: processor time", "%", (waiting,), 0.5),
            Figure("  all of them stopped", "%", (stopped,)),
        ),
    )


def _sources(cron: str, status: str) -> dict[str, str]:
    text = SOURCE.format(cron=cron, status=status, count=SCHEDULES // LOCATIONS)
    return {f"location_{number}.py": text for number in range(LOCATIONS)}


def _lateness() -> list[float]:
    """Returns for each run the milliseconds from its tick to its record."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), _sources(EACH_MINUTE, "running"))
        with hostlerd(of, stop_grace="1") as _, Client(of.socket) as client:
            all_ready(client, of)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                ticks = [one.activity.last_tick for one in client.schedules()]
                if len(ticks) == SCHEDULES and all(each.state == Tick.LAUNCHED for each in ticks):
                    return [_late(each) for each in ticks]
                time.sleep(1)
    raise RuntimeError("cannot measure: not all ticks have launched a run")


def _late(tick: Tick) -> float:
    return (tick.end_time.ToNanoseconds() - tick.scheduled_time.ToNanoseconds()) / 1e6


def _idle(status: str) -> float:
    """Returns the percentage of a core that a daemon takes whose schedules are not due."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), _sources(NEVER_SOON, status))
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            process = psutil.Process(client.workspace().daemon.pid)
            time.sleep(IDLE_SECONDS / 4)  # the spares are made, and what they are made for is done
            before = process.cpu_times()
            time.sleep(IDLE_SECONDS)
            after = process.cpu_times()
    took = after.user + after.system - before.user - before.system
    return 100 * took / IDLE_SECONDS
