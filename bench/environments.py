"""Environments with libraries, made once and kept in a cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path

#: The exact versions that the benches import: another version would give other figures.
PANDAS = ("pandas==3.1.1", "numpy==2.4.6")
SCIKIT_LEARN = ("scikit-learn==1.9.1", "scipy==1.17.1", "numpy==2.4.6")
DAGSTER = ("dagster==1.13.29", *PANDAS)
WATCHFILES = ("watchfiles==1.3.0",)

#: This file is written last: a folder without it is half made.
_MARK = "made.json"

#: Lines of pip's output that a failure shows.
_TAIL = 4


class MissingError(Exception):
    """An environment cannot be made here; the bench skips what needs it."""


def interpreter(requirements: tuple[str, ...]) -> Path:
    """Returns the Python of an environment with these packages and no others of its own.

    Raises:
        MissingError: pip could not install them.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hostler-bench"
    cache.mkdir(parents=True, exist_ok=True)
    text = json.dumps([sys.executable, sys.version, requirements])
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    folder = cache / f"{requirements[0].partition('=')[0]}-{digest}"
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _MARK).exists():
            _make(folder, requirements)
    return folder / "bin" / "python"


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    what = ", ".join(requirements)
    _say(f"making an environment with {what}, once")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [
        *(str(folder / "bin" / "python"), "-m", "pip", "install", *requirements),
        # No compiler is needed, and a machine without a network does not wait for minutes.
        *("--only-binary", ":all:", "--retries", "1", "--progress-bar", "off"),
        *("--no-input", "--disable-pip-version-check"),
    ]
    last: deque[str] = deque(maxlen=_TAIL)
    with subprocess.Popen(
        pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            first, _, rest = line.strip().partition(" ")
            if first in {"Collecting", "Installing"}:
                _say(f"  {first.lower()} {rest.partition(' ')[0]}")
            last.append(line.strip())
    if process.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        for line in last:
            _say(f"  | {line}")
        raise MissingError(f"cannot install {what}: pip has exit code {process.returncode}")
    (folder / _MARK).write_text(json.dumps(requirements))


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
