"""Many files that change at once: the short form of the checkouts of tests/chaos, and no end."""

import itertools
import threading

from e2e.checkout import back_and_forth
from e2e.harness import Daemon, eventually

from hostler.daemon.churn import MANY, REST_SECONDS


def test_a_checkout_of_300_files_is_two_loads_at_most(daemon: Daemon) -> None:
    for checkout in back_and_forth(daemon, files=300, times=4):
        assert 1 <= checkout.generations <= 2
        assert checkout.forks <= 8


def test_files_that_never_rest_are_served_all_the_same(daemon: Daemon, source: str) -> None:
    names = [f"part_{number}" for number in range(3 * MANY)]
    for name in names:
        daemon.write(f"{name}.py", "VALUE = 0\n")
    imports = "".join(f"import {name}\n" for name in names)
    daemon.write("repos.py", imports + source.format(name="first"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    before = daemon.start().ready("repos.py").generation
    stop = threading.Event()

    def write() -> None:
        for number in itertools.count(1):
            for name in names:
                daemon.write(f"{name}.py", f"VALUE = {number}\n")
                if stop.wait(REST_SECONDS / 10):
                    return

    def generation() -> int:
        return daemon.client.location("repos.py").generation

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: generation() >= before + 2, "two more generations")
        assert writer.is_alive()
    finally:
        stop.set()
        writer.join()
    daemon.write("repos.py", imports + source.format(name="last"))
    eventually(lambda: daemon.pipelines("repos.py") == ["last"], "the last state")
