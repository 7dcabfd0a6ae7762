"""Runs hostlerd with a wall clock that a test sets: real, and so many seconds ahead.

Usage: python clocked_daemon.py FILE [hostlerd's arguments]. The seconds are in the file.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def set_ahead(file: Path) -> None:
    """Has each look at the wall clock add what the file says."""
    from hostler.daemon.base.clock import LoopClock

    def ahead(_: LoopClock) -> float:
        return time.time() + float(file.read_text())

    LoopClock.time = ahead  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    from hostler.daemon.main import main

    set_ahead(Path(sys.argv.pop(1)))
    main()
