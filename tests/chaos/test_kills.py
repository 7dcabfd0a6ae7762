"""200 times kill -9 of spare, template, location process or keeper, while saves go on.

HOSTLER_CHAOS_SEED repeats a run.
"""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from e2e.harness import Daemon, daemon_in, eventually
from e2e.many_saves import NAME, Storm, at_rest, with_spare

from hostler.v1.workspace_pb2 import Location

pytestmark = pytest.mark.chaos

SEED = int(os.environ.get("HOSTLER_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
KILLS = 200
READERS = 8

#: One save in so many is waited for, whatever has been killed.
FOLLOWED = 4

#: The keeper takes all other processes with it, so that it is rarer.
VICTIMS = ("spare", "template", "location", "spare", "template", "location", "all", "keeper")


def victims(daemon: Daemon, what: str) -> list[int]:
    """Returns the processes to kill; some may not be there yet."""
    location = daemon.client.location(NAME)
    pids = {
        "spare": [location.template.spare_pid],
        "template": [location.template.pid],
        "location": [location.pid],
        "all": [location.template.spare_pid, location.template.pid, location.pid],
        "keeper": [daemon.keeper_pid],
    }
    return [pid for pid in pids[what] if pid]


def kill(pids: list[int]) -> int:
    """Kills processes; returns how many of them were still there."""
    killed = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed += 1
    return killed


def test_reads_never_fail_and_the_newest_save_is_served(tmp_path: Path) -> None:
    print(f"HOSTLER_CHAOS_SEED={SEED}")  # noqa: T201 (repeats the run)
    chance = random.Random(SEED)
    done: Counter[str] = Counter()
    with daemon_in(tmp_path, restart_first_delay="0.1") as daemon:
        storm = Storm(daemon, chance, READERS, lazy=False)
        daemon.start().ready(NAME)
        with_spare(daemon)
        with storm.reading() as feed:
            while sum(done.values()) < KILLS:
                what = chance.choice(VICTIMS)
                storm.save(feed, wait=False)
                if kill(victims(daemon, what)):
                    done[what] += 1
                storm.save(feed, wait=chance.randrange(FOLLOWED) == 0)
            storm.save(feed, wait=True)
            with_spare(daemon)
            storm.save(feed, wait=True)
        print(f"killed {dict(done)}; {storm.version} saves; {storm.reads} reads")  # noqa: T201
        storm.check()
        eventually(lambda: at_rest(daemon), "nothing is left over")
        last = with_spare(daemon)
        assert last.start_mode == Location.FORKED, last.start_reason
        assert "a task failed" not in daemon.log.read_text()
        assert "a call failed" not in daemon.log.read_text()
