"""300 schedules of each minute, for 5 minutes, under kill -9 of daemon, keeper and locations.

HOSTLER_CHAOS_SCHEDULES and HOSTLER_CHAOS_STORM bound it; HOSTLER_CHAOS_SEED repeats a run.
"""

import os
import random
from pathlib import Path

import pytest
from e2e.harness import daemon_in
from e2e.schedule_storm import rage

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("HOSTLER_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
SCHEDULES = int(os.environ.get("HOSTLER_CHAOS_SCHEDULES", "300"))
SECONDS = float(os.environ.get("HOSTLER_CHAOS_STORM", "300"))


def test_no_tick_is_lost_and_none_doubled(tmp_path: Path) -> None:
    print(f"HOSTLER_CHAOS_SEED={SEED}")  # noqa: T201 (repeats the run)
    with daemon_in(tmp_path, restart_first_delay="0.1", stop_grace="1") as daemon:
        storm = rage(daemon, SCHEDULES, SECONDS, SEED)
        print(f"killed {dict(storm.killed)}")  # noqa: T201 (what a long run is for)
        assert set(storm.killed) >= {"location", "keeper", "daemon"}
        assert "a task failed" not in daemon.log.read_text()
        assert "a tick failed" not in daemon.log.read_text()
