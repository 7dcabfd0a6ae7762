"""200 runs, 4 at a time, under kill -9 of run, location, keeper and daemon.

HOSTLER_CHAOS_SEED repeats a run.
"""

import os
import random
from pathlib import Path

import pytest
from e2e.harness import daemon_in
from e2e.run_storm import rage

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("HOSTLER_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
RUNS = 200


def test_the_record_of_200_runs(tmp_path: Path) -> None:
    print(f"HOSTLER_CHAOS_SEED={SEED}")  # noqa: T201 (repeats the run)
    with daemon_in(tmp_path, restart_first_delay="0.1", stop_grace="1") as daemon:
        storm = rage(daemon, RUNS, SEED)
        assert set(storm.killed) == {"run", "location", "keeper", "daemon"}
        print(f"killed {dict(storm.killed)}")  # noqa: T201 (what a long run is for)
        assert "a task failed" not in daemon.log.read_text()
        assert "a call failed" not in daemon.log.read_text()
