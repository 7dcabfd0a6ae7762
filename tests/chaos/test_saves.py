"""10,000 saves of one location, one after the other, while 32 clients read.

Bounded by HOSTLER_CHAOS_SAVES (10000; of fewer than 5,000 the slope is noise);
HOSTLER_CHAOS_SEED repeats a run.
"""

import os
import random
import time
from pathlib import Path

import pytest
from e2e.harness import daemon_in
from e2e.many_saves import Sample, rage, slope

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("HOSTLER_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
SAVES = int(os.environ.get("HOSTLER_CHAOS_SAVES", "10000"))
READERS = 32

#: The daemon rightly grows until its rings of changes and of log lines are full.
WARM = 1000

#: KiB for 1,000 saves: a leak of 256 bytes for each. One definition alone is larger.
BOUND = 256.0


def test_no_read_fails_none_is_stale_and_nothing_grows(tmp_path: Path) -> None:
    print(f"HOSTLER_CHAOS_SEED={SEED}")  # noqa: T201 (repeats the run)
    began = time.monotonic()
    with daemon_in(tmp_path) as daemon:
        storm = rage(daemon, SAVES, READERS, random.Random(SEED), samples=SAVES // 100)
        print(  # noqa: T201 (what a long run is for)
            f"{SAVES} saves in {time.monotonic() - began:.0f} s; {storm.reads} reads; "
            f"done {dict(storm.done)}"
        )
        print(*storm.samples[:: max(1, len(storm.samples) // 20)], sep="\n")  # noqa: T201
        for name, index in (("daemon", 1), ("template", 2), ("keeper", 3)):
            grown = growth(storm.samples, index)
            first, last = storm.samples[0][index], storm.samples[-1][index]
            print(  # noqa: T201
                f"{name}: {first} -> {last} KiB, {grown:+.1f} KiB for 1,000 saves"
            )
            assert grown < BOUND, f"{name} grows"


def growth(samples: list[Sample], index: int) -> float:
    """Returns the growth in KiB for 1,000 saves, once the daemon is warm."""
    warm = [each for each in samples if each.saves >= WARM]
    return 1000 * slope([(each.saves, each[index]) for each in warm])
