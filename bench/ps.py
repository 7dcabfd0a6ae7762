"""How long a user waits for `hostler ps`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.daemon import all_ready, hostlerd, milliseconds, python, workspace
from bench.figures import Report, alternate, ratio
from bench.projects import source
from hostler.client import Client

LIMIT_MS = 250.0
ROUNDS = 15


def run() -> Report:
    """Compares `hostler ps` of three locations with bare interpreters."""
    command = str(Path(sys.executable).parent / "hostler")
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {f"location_{n}.py": source(5) for n in range(3)})

        def ps() -> None:
            asked = [command, "ps", "--socket", str(of.socket)]
            shown = subprocess.run(asked, env=of.environ, capture_output=True, check=True).stdout
            if shown.count(b"READY") < len(of.locations):
                raise RuntimeError(f"cannot measure: `hostler ps` shows {shown!r}")

        with hostlerd(of):
            with Client(of.socket) as client:
                all_ready(client, of)
            figures = alternate(
                {
                    "hostler ps": lambda: milliseconds(ps),
                    "python -c pass": lambda: milliseconds(lambda: python("-c", "pass")),
                    'python -c "import grpc"': lambda: milliseconds(
                        lambda: python("-c", "import grpc")
                    ),
                },
                ROUNDS,
                "ms",
                limits={"hostler ps": LIMIT_MS},
            )
    shown, bare, grpc = figures.values()
    return Report(
        "ps",
        "wall time of the command, against bare interpreters",
        (
            shown,
            bare,
            grpc,
            ratio("ps / python -c pass", shown, bare),
            ratio("ps / import grpc", shown, grpc),
        ),
    )
