"""Shared by the scripts that other interpreters run: each defines checks and calls `run`.

A script has the location's sources and the tests on PYTHONPATH, and an empty folder as argument.
target_script.py does without: its checks start processes that import the script again. Standard
library alone, CPython 3.8 and later.
"""

# ruff: noqa: BLE001, T201
# Whatever a check raises is its failure and is printed; it runs on 3.8 as well as on 3.13.

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from hostler.host import finder
from hostler.host.wire import content_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: The files that the finder has reported.
TOUCHED: list[tuple[str, str | None]] = []


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def begin(folder: Path, files: dict[str, str]) -> None:
    """Makes the folder one of the user's code, with these files in it."""
    write(folder, files)
    sys.path.insert(0, str(folder))
    finder.install(TOUCHED.extend)


def state(path: Path) -> tuple[str, str | None]:
    """Returns what the finder reports of a file as it is now."""
    return str(path), content_digest(path.read_bytes()) if path.exists() else None


def run(script: dict[str, Any]) -> NoReturn:
    """Calls each function of the script named check_..., in a process and a folder of its own."""
    # it is for the script's own imports: the finder would look for the user's modules there
    sys.path.remove(str(Path(__file__).parents[2]))
    folder = Path(sys.argv[1])
    failed = 0
    for name, check in list(script.items()):
        if not name.startswith("check_"):
            continue
        (folder / name).mkdir()
        child = os.fork()
        if child == 0:
            try:
                check(folder / name)
            except BaseException:
                traceback.print_exc()
                print("failed:", name, file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        failed += os.waitpid(child, 0)[1] != 0
    sys.exit(failed)
