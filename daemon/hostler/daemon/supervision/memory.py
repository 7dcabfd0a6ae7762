"""How much memory processes have, read from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pids: Iterable[int]) -> int:
    """Returns the resident memory of processes; one that has ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
        except OSError:
            continue
        try:  # every change reports it, and a text file would cost four times as much
            text = os.read(descriptor, 200)
        except OSError:
            continue
        finally:
            os.close(descriptor)
        total += int(text.split()[1]) * _PAGE_SIZE
    return total


def private_bytes(pids: Iterable[int]) -> int:
    """Returns the memory that processes share with none; one that has ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1]) * 1024
    return total
