"""A save every 100 ms while 20 runs of 5 s each go on."""

from pathlib import Path

import pytest
from e2e.harness import daemon_in
from e2e.save_storm import rage

pytestmark = pytest.mark.chaos


def test_each_run_ends_well_on_the_code_that_it_started_with(tmp_path: Path) -> None:
    with daemon_in(tmp_path) as daemon:
        assert rage(daemon, runs=20, seconds=5) > 1
        assert "a task failed" not in daemon.log.read_text()
        assert "a call failed" not in daemon.log.read_text()
