"""Many files that change at once: short forms of the checkouts in tests/chaos, also without end."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator

from e2e.checkout import back_and_forth
from e2e.harness import Daemon, eventually

from hostler.daemon.locations.debounce import FLOOD_FILES, QUIET_SECONDS
from hostler.v1.workspace_pb2 import Location

NAME = "repos.py"


def test_a_checkout_of_300_files_is_two_loads_at_most(daemon: Daemon) -> None:
    for checkout in back_and_forth(daemon, files=300, times=4):
        assert 1 <= checkout.generations <= 2
        assert checkout.forks <= 8


@contextlib.contextmanager
def without_rest(daemon: Daemon, source: str) -> Iterator[Location]:
    """Serves a location of many modules that are written again and again.

    Args:
        source: the source of the location, which imports the modules first.
    """
    names = [f"part_{number}" for number in range(3 * FLOOD_FILES)]
    for name in names:
        daemon.write(f"{name}.py", "VALUE = 0\n")
    daemon.write(NAME, f"import {', '.join(names)}\n{source}")
    daemon.workspace.write_text(f"load_from:\n  - python_file: {NAME}\n")
    location = daemon.start().ready(NAME)
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count(1):
            for name in names:
                daemon.write(f"{name}.py", f"VALUE = {number}\n")
                if stop.wait(QUIET_SECONDS / 10):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield location
        assert writer.is_alive()
    finally:
        stop.set()
        writer.join()


def test_files_that_never_rest_are_served_all_the_same(daemon: Daemon, source: str) -> None:
    with without_rest(daemon, source.format(name="first")) as before:
        wanted = before.generation + 2
        eventually(lambda: daemon.client.location(NAME).generation >= wanted, "two generations")
    daemon.write(NAME, source.format(name="last"))
    eventually(lambda: daemon.pipelines(NAME) == ["last"], "the last state")


def killed(daemon: Daemon) -> bool:
    """Kills the location process; returns False if it was just replaced."""
    try:
        os.kill(daemon.client.location(NAME).pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def test_a_death_is_told_while_files_do_not_rest(daemon: Daemon, source: str) -> None:
    code = "import time\ntime.sleep(0.5)\n" + source.format(name="first")
    with without_rest(daemon, code):
        changes = daemon.client.watch()
        at_rest = len(daemon.at_work())
        eventually(lambda: len(daemon.at_work()) > at_rest, "a load")
        eventually(lambda: len(daemon.at_work()) == at_rest, "its end, since files change")
        eventually(lambda: killed(daemon), "a kill of the process that serves by then")
        told = next(each.reason for each in changes if "died" in each.reason)
        assert told.startswith("its process died: killed by SIGKILL")
