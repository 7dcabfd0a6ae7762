"""A replaced generation leaves nothing for Python's cyclic collector.

A daemon that lives long collects seldom; definitions and sources that waited for the collector
would make its memory rise and fall by megabytes.
"""

import os
import random
import signal
from pathlib import Path

import pytest
from e2e.harness import daemon_in, eventually
from e2e.many_saves import rage

#: Each interpreter that finds it imports it; only the daemon keeps and lists its garbage.
SITECUSTOMIZE = """\
import sys

if "hostler.daemon.main" in sys.orig_argv:
    import gc
    import os
    import signal

    def look(*_):
        gc.collect()
        kinds = (type(each) for each in gc.garbage)
        names = {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
        with open(os.environ["GARBAGE"] + ".part", "w") as file:
            file.write("\\n".join(sorted(names)))
        os.replace(file.name, os.environ["GARBAGE"])

    gc.set_debug(gc.DEBUG_SAVEALL)
    signal.signal(signal.SIGUSR1, look)
"""

SEED = 5


def test_saves_leave_nothing_of_ours_to_collect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, listing = tmp_path / "site", tmp_path / "garbage.txt"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITECUSTOMIZE)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("GARBAGE", str(listing))
    folder = tmp_path / "project"
    folder.mkdir()

    with daemon_in(folder) as daemon:
        rage(daemon, saves=50, readers=2, chance=random.Random(SEED))
        os.kill(daemon.pid, signal.SIGUSR1)
        eventually(listing.exists, "the garbage is listed")

    found = listing.read_text().split()
    assert found, "grpc leaves some with each call"
    assert [name for name in found if name.startswith("hostler.")] == []
