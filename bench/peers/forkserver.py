"""multiprocessing's forkserver: forkserver.py MODULE...; loads location.py for each line of stdin.

The server preloads the modules. For each line, the script prints the milliseconds until the child
has imported the file.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection


def load(told: Connection) -> None:
    """Imports the file, in the child."""
    importlib.import_module("location")
    told.send_bytes(b"ready")


def main() -> None:
    """Serves until stdin ends."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sys.argv[1:])
    for _ in sys.stdin:
        began = time.perf_counter()
        hears, told = context.Pipe(duplex=False)
        process = context.Process(target=load, args=(told,))
        process.start()
        hears.recv_bytes()
        print((time.perf_counter() - began) * 1000, flush=True)
        process.join()


if __name__ == "__main__":
    sys.path.insert(0, "")
    main()
