"""`git checkout` back and forth over 300 and 5,000 files."""

from pathlib import Path

import pytest
from e2e.checkout import back_and_forth
from e2e.harness import daemon_in

pytestmark = pytest.mark.chaos

TIMES = 10


@pytest.mark.parametrize("files", [300, 5000])
def test_two_loads_at_most_are_seen_for_each_checkout(tmp_path: Path, files: int) -> None:
    with daemon_in(tmp_path) as daemon:
        for checkout in back_and_forth(daemon, files, TIMES):
            print(  # noqa: T201 (what a long run is for)
                f"{files} files: {checkout.generations} loads seen, {checkout.forks} forks, "
                f"{checkout.seconds:.2f} s"
            )
            assert 1 <= checkout.generations <= 2
            assert checkout.forks <= 8
