"""Whether the interpreters of the workspace are there, start, and are new enough."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.base.reachable import exists, is_folder
from hostler.daemon.diagnosis.findings import Finding, ok, problem
from hostler.daemon.processes import command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostler.daemon.workspace.text.models import LocationSpec

CHECK = "interpreters"

#: The oldest that locations can run on.
OLDEST = (3, 8)

#: Seconds for `python -c`: on a slow network file system it takes some.
PATIENCE = 20.0

_ASK = "import sys; sys.stdout.write('.'.join(map(str, sys.version_info[:3])))"


def check_interpreters(specs: Sequence[LocationSpec]) -> Iterator[Finding]:
    """Yields a finding for each interpreter: each is asked for its version."""
    users: dict[str, list[str]] = {}
    for spec in specs:
        users.setdefault(command.executable(spec), []).append(spec.name)
    with ThreadPoolExecutor(8) as pool:
        yield from pool.map(lambda each: _check(*each), users.items())


def _check(executable: str, locations: list[str]) -> Finding:
    named = f"{executable} ({', '.join(locations[:3])}{', …' if len(locations) > 3 else ''})"
    path = Path(executable)
    if not exists(path):
        try:
            where = "its link leads nowhere" if path.is_symlink() else "there is no such file"
        except PermissionError:
            where = f"user {os.getuid()} may not enter its folder"
        remedy = "make the environment (python -m venv), or name another in executable_path"
        return problem(CHECK, f"cannot find {named}: {where}", remedy)
    if not os.access(path, os.X_OK) or is_folder(path):
        user = os.getuid()
        remedy = f"name the interpreter itself, such as bin/python, or let user {user} execute it"
        return problem(CHECK, f"cannot execute {named}", remedy)
    try:
        done = subprocess.run(
            [executable, "-I", "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        remedy = "look for a slow disk, or for a .pth file that waits"
        return problem(CHECK, f"{named} does not start within {PATIENCE:g} s", remedy)
    except OSError as error:
        remedy = "name a Python interpreter in executable_path"
        return problem(CHECK, f"cannot execute {named}: {error.strerror}", remedy)
    version = _version(done.stdout)
    if version is None:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        remedy = "name a Python interpreter of 3.8 or later in executable_path"
        return problem(CHECK, f"{named} says no version of Python: {said[0][:200]}", remedy)
    if version[:2] < OLDEST:
        remedy = "use an environment of Python 3.8 or later"
        return problem(CHECK, f"{named} is Python {done.stdout}", remedy)
    return ok(CHECK, f"{named} is Python {done.stdout}")


def _version(said: str) -> tuple[int, ...] | None:
    parts = said.split(".")
    return tuple(map(int, parts)) if len(parts) == 3 and all(p.isdecimal() for p in parts) else None
