"""The short form of the 10,000 saves of tests/chaos."""

import random

from e2e.harness import Daemon
from e2e.many_saves import rage

#: Any seed will do; it gives the same saves each time.
SEED = 4


def test_no_read_fails_and_none_is_stale_while_a_location_is_saved(daemon: Daemon) -> None:
    storm = rage(daemon, saves=100, readers=4, chance=random.Random(SEED))
    assert storm.reads
