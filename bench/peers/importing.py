"""Python alone: importing.py SAVED MODULE...; imports location.py for each line of stdin.

The script imports the modules first, and forgets those of this folder after each import. Python
compiles SAVED each time, all else comes from a pyc. The script prints the milliseconds of the
import: the part of any load that Python itself takes, whichever way the process was made.
"""

from __future__ import annotations

import gc
import importlib
import sys
import time
from importlib.util import cache_from_source
from pathlib import Path

FOLDER = Path.cwd()


def forget(saved: str) -> None:
    """Has the next import begin anew, and compile the saved file."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(FOLDER):
            del sys.modules[name]
    Path(cache_from_source(str(FOLDER / saved))).unlink(missing_ok=True)
    importlib.invalidate_caches()
    gc.collect()


def main() -> None:
    """Serves until stdin ends."""
    saved, *modules = sys.argv[1:]
    for name in modules:
        importlib.import_module(name)
    gc.freeze()
    sys.path.insert(0, str(FOLDER))
    for _ in sys.stdin:
        forget(saved)
        began = time.perf_counter()
        importlib.import_module("location")
        print((time.perf_counter() - began) * 1000, flush=True)


if __name__ == "__main__":
    main()
