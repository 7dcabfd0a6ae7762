"""Runs hostlerd with a watchdog: notes each callback that keeps the loop's thread busy for long.

Usage: python watched_daemon.py FILE [hostlerd's arguments]. It counts the thread's own time, so
that a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any

#: Seconds; the loop belongs to everybody, and 20 ms are what anybody may take of it.
SLOW = 0.02


def watch(notes: Path) -> None:
    """Has each callback of the main thread's loop timed; slow ones become lines of a file."""
    run = asyncio.Handle._run
    main = threading.main_thread()

    def timed(self: Any) -> None:
        if threading.current_thread() is not main:
            run(self)
            return
        began = time.thread_time()
        run(self)
        took = time.thread_time() - began
        if took > SLOW:
            with notes.open("a") as file:
                file.write(f"{took:.3f} {self!r}\n")

    asyncio.Handle._run = timed  # type: ignore[method-assign]


if __name__ == "__main__":
    from hostler.daemon.main import main

    watch(Path(sys.argv.pop(1)))
    main()
