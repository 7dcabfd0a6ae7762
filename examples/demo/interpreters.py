"""The Python interpreters of this machine, and which of them the demo uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

#: What pandas 1.5.3 has wheels for.
LEGACY = ((3, 8), (3, 11))
#: What pandas 3 has wheels for; a newer Python may come before its wheels do.
MODERN = ((3, 11), (3, 14))

#: Says who it is, if it is a released CPython that can make environments.
PROBE = """\
import sys
import ensurepip, json, platform, venv
if platform.python_implementation() == "CPython" and sys.version_info[3] == "final":
    print(json.dumps([sys.executable] + list(sys.version_info[:3])))
"""

#: Seconds that an interpreter gets to say who it is.
PROBE_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can make environments."""

    path: Path
    version: tuple[int, ...]

    @property
    def minor(self) -> tuple[int, ...]:
        """As (3, 11)."""
        return self.version[:2]

    @property
    def version_text(self) -> str:
        """As "3.11.7"."""
        return ".".join(map(str, self.version))


def find_interpreters() -> list[Interpreter]:
    """The interpreters on PATH, those of pyenv, and this one."""
    names = [f"python3.{minor}" for minor in range(LEGACY[0][1], MODERN[1][1] + 1)]
    paths = [shutil.which(name) for name in (*names, "python3", "python")]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    paths += sorted(map(str, pyenv.glob("versions/3.*/bin/python")))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # In the same order each time: the choice names the folder in the cache.
        found = list(pool.map(_probe, dict.fromkeys([sys.executable, *filter(None, paths)])))
    return list({each.path.resolve(): each for each in found if each is not None}.values())


def choose(
    interpreters: list[Interpreter], versions: tuple[tuple[int, int], tuple[int, int]]
) -> Interpreter | None:
    """The newest one of these versions; another than the daemon's own where there is one.

    Args:
        interpreters: those of this machine.
        versions: the first and the last that will do.
    """
    own = sys.version_info[:2]
    return max(
        (each for each in interpreters if versions[0] <= each.minor <= versions[1]),
        key=lambda each: (each.minor != own, each.version),
        default=None,
    )


def _probe(path: str) -> Interpreter | None:
    try:
        done = subprocess.run(
            [path, "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT,
            check=True,
        )
        executable, *version = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(Path(executable), tuple(version))
