"""Prints: how fast the lines of one solid are recorded and shown, and how large they are."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.daemon import all_ready, hostlerd, workspace
from bench.figures import Figure, Report, alternate, ratio
from hostler.client import Client
from hostler.daemon.runs.store import database
from hostler.v1.run_pb2 import RunEvent

LINES = 200_000

ROUNDS = 3

#: A line at a time, as a location prints, whose stdout is a pipe.
BARE = f"""\
import sys
sys.stdout.reconfigure(line_buffering=True)
for number in range({LINES}):
    print(f"line {{number}} of what a program prints while it works")
"""

SOURCE = f"""\
from hostler.definitions import pipeline, repository, solid


@solid
def talks(context):
    for number in range({LINES}):
        print(f"line {{number}} of what a program prints while it works")


@pipeline
def chatty():
    talks()


@repository
def bench():
    return [chatty]
"""


def run() -> Report:
    """Compares the lines of a run with the same loop of a bare interpreter into a file."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": SOURCE})
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            sides = alternate(
                {
                    "alone: to the last event": lambda: _watched(client),
                    "pipeline execute": lambda: _executed(of.socket, Path(folder)),
                    "python, into a file": lambda: _bare(Path(folder)),
                },
                ROUNDS,
                "s",
            )
            alone, executed, bare = sides.values()
            per_run = client.compact_record().bytes_after / 1e6 / (2 * ROUNDS)
        assert (of.folder / "state" / database.FILE).exists()
    return Report(
        "prints",
        f"{LINES:,} lines that one solid prints, each on disk before it is seen",
        (
            *(alone, executed, bare),
            ratio("alone / python", alone, bare),
            Figure("the record of one run", "MB", (per_run,), 20),
        ),
    )


def _watched(client: Client) -> float:
    began = time.perf_counter()
    run = client.launch("chatty")
    lines = 0
    for event in client.watch_run(run.name, joined=True):
        lines += _lines_of(event)
    if lines != LINES:
        raise RuntimeError(f"cannot measure: {lines} of {LINES} lines came")
    return time.perf_counter() - began


def _lines_of(event: RunEvent) -> int:
    return 1 + len(event.printed_line.more) if event.HasField("printed_line") else 0


def _executed(socket: Path, folder: Path) -> float:
    began = time.perf_counter()
    _to_file(folder, "-m", "hostler.cli.main", "pipeline", "execute", "chatty", "--socket", socket)
    return time.perf_counter() - began


def _bare(folder: Path) -> float:
    began = time.perf_counter()
    _to_file(folder, "-c", BARE)
    return time.perf_counter() - began


def _to_file(folder: Path, *arguments: str | Path) -> None:
    with (folder / "printed").open("wb") as file:
        subprocess.run(
            [sys.executable, *arguments], stdout=file, stderr=subprocess.DEVNULL, check=True
        )
    lines = (folder / "printed").read_bytes().count(b" of what a program prints")
    if lines != LINES:
        raise RuntimeError(f"cannot measure: {lines} of {LINES} lines were printed")
