"""watchfiles at its defaults: watching.py; imports location.py anew after each change below ".".

It prints "ready" once it watches, then for each import `location.TOTAL` and when the import ended.
"""

from __future__ import annotations

import subprocess
import sys
import time

from watchfiles import watch  # type: ignore[import-not-found]

IMPORT = [sys.executable, "-c", "import location; print(location.TOTAL)"]


def main() -> None:
    """Serves until it is killed."""
    is_ready = False
    for changes in watch(".", yield_on_timeout=True):
        if changes:
            done = subprocess.run(IMPORT, stdout=subprocess.PIPE, check=False)
            print(done.stdout.decode().strip() or "failed", time.monotonic(), flush=True)
        elif not is_ready:
            is_ready = True
            print("ready", flush=True)


if __name__ == "__main__":
    main()
