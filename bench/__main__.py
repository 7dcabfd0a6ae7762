"""./dev bench [NAME]... [--json]: measures and prints; a figure may miss its aim."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time

import psutil

from bench import (
    backfill,
    checkout,
    crowd,
    launch,
    lazy,
    load,
    many,
    memory,
    prints,
    ps,
    read,
    restart,
    revive,
    runs,
    save,
    schedules,
    start,
    watch_runs,
)
from bench.figures import as_json, table

BENCHES = {
    module.__name__.rpartition(".")[2]: module.run
    for module in (
        *(save, load, revive, checkout, launch, many, memory, crowd),
        *(start, restart, read, ps, lazy, runs, prints, backfill, watch_runs, schedules),
    )
}


def main() -> int:
    """Runs the command; the exit code is 2 if a name is unknown."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="The figures of hostler.")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(BENCHES)}; all where none is given")
    parser.add_argument("--json", action="store_true", help="print JSON, samples included")
    given = parser.parse_args()
    unknown = [name for name in given.name if name not in BENCHES]
    if unknown:
        parser.error(f"cannot run {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell's background jobs ignore SIGINT; the peers, which it ends, would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not given.json:
        print(f"{_machine()}\n")
    reports = []
    for name in given.name or BENCHES:
        began = time.monotonic()
        report = BENCHES[name]()
        reports.append(report)
        if not given.json:
            print(f"{table(report)}\n({time.monotonic() - began:.0f} s)\n", flush=True)
    if given.json:
        print(json.dumps({"machine": _machine(), "reports": as_json(reports)}, indent=1))
    return 0


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().total / 2**30
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{cores} cores, {memory:.0f} GiB, Python {version}"


if __name__ == "__main__":
    sys.exit(main())
