"""Python alone: executing.py MODULE...; compiles and executes location.py for each line of stdin.

The modules are imported before. It prints the milliseconds from the opening of the file: what
Python itself takes of any load, however its process came to be.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path


def execute(path: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    with Path(path).open("rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, {"__name__": "location", "__file__": path})
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Serves until stdin ends."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for _ in sys.stdin:
        print(execute("location.py"), flush=True)


if __name__ == "__main__":
    main()
