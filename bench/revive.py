"""From the death of a location process to its successor."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

from bench.daemon import (
    all_ready,
    await_location,
    hostlerd,
    milliseconds,
    python,
    source,
    workspace,
)
from bench.figures import Report, alternate, ratio
from bench.save import RUNTIME
from hostler.client import Client
from hostler.daemon.settings import STABLE_AFTER

ROUNDS = 11


def run() -> Report:
    """kill -9 of a stdlib location, against an import of the same file."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": source(5)})
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)

            def kill() -> float:
                # what dies sooner after READY counts as a failed start and waits for its turn
                time.sleep(1.2 * STABLE_AFTER)
                return milliseconds(lambda: _kill(client))

            figures = alternate(
                {
                    "kill -9 to ready again": kill,
                    "fresh interpreter imports it": lambda: milliseconds(
                        lambda: python("-c", "import location", cwd=of.folder, path=RUNTIME)
                    ),
                },
                ROUNDS,
                "ms",
            )
    revived, imported = figures.values()
    return Report(
        "revive",
        "a killed location process's successor, against a fresh import of the file",
        (revived, imported, ratio("revive / import", revived, imported)),
    )


def _kill(client: Client) -> None:
    """Kills the process and returns when the daemon says that another one is ready."""
    pid = client.location("location.py").pid
    os.kill(pid, signal.SIGKILL)
    next(await_location(client, lambda location: location.pid not in (0, pid)))
