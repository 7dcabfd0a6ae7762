"""The interpreters of this machine that a location may be given."""

import subprocess
import sys
from functools import cache
from pathlib import Path

#: Every version that a location may have.
SUPPORTED = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")

#: Versions that are refused as too old.
TOO_OLD = ("2.7", "3.6", "3.7")


@cache
def interpreters(versions: tuple[str, ...] = SUPPORTED) -> dict[str, str]:
    """Returns the full paths of pyenv's interpreters and of the one that runs this, by version."""
    found = {}
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in versions:
        paths = sorted(_pyenv_root().glob(f"versions/{version}.*/bin/python"), key=_patch)
        if paths:
            found[version] = str(paths[-1])
        elif version == own:
            found[version] = str(Path(sys.base_prefix) / "bin" / "python3")
    return found


def missing() -> list[str]:
    """Returns the supported versions that this machine has no interpreter of."""
    return [version for version in SUPPORTED if version not in interpreters()]


def make_environment(interpreter: str, folder: Path) -> str:
    """Makes an environment with nothing in it; returns its interpreter."""
    subprocess.run([interpreter, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def _pyenv_root() -> Path:
    try:
        answer = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return Path.home() / ".pyenv"
    return Path(answer.stdout.strip())


def _patch(path: Path) -> int:
    patch = path.parents[1].name.split(".")[2]
    return int("".join(filter(str.isdigit, patch)) or 0)
