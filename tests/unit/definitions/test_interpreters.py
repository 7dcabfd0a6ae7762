"""The definitions under every interpreter that is promised and found on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def pyenv_folder() -> Path:
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return Path.home() / ".pyenv"
    asked = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


def find_interpreters() -> dict[str, str]:
    """Returns the executable of each promised version that is installed."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for version in VERSIONS:
        installed = sorted((pyenv_folder() / "versions").glob(f"{version}.*/bin/python"))
        candidate = shutil.which(f"python{version}") if not installed else str(installed[-1])
        # pyenv has a shim also for versions that are not installed.
        if candidate and _runs(candidate):
            found.setdefault(version, candidate)
    return {version: found[version] for version in VERSIONS if version in found}


def _runs(executable: str) -> bool:
    done = subprocess.run([executable, "-c", ""], check=False, capture_output=True)
    return done.returncode == 0


INTERPRETERS = find_interpreters()


@pytest.mark.parametrize("version", INTERPRETERS)
def test_core_works_under_interpreter(version: str) -> None:
    script = Path(__file__).with_name("core_script.py")
    done = subprocess.run(
        [INTERPRETERS[version], "-W", "error", str(script)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "location")},
        capture_output=True,
        text=True,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == "11 checks passed\n"


def test_missing_interpreters_are_told() -> None:
    missing = [version for version in VERSIONS if version not in INTERPRETERS]
    if missing:
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # a remark in the summary, not an error
            warnings.warn(f"not tested, for it is not there: CPython {missing}", stacklevel=1)
    assert INTERPRETERS


def test_import_loads_no_dear_module() -> None:
    dear = ["typing", "re", "inspect", "enum", "dataclasses", "pathlib", "functools", "logging"]
    code = f"import hostler.definitions, sys; print([m for m in {dear} if m in sys.modules])"
    for executable in INTERPRETERS.values():
        done = subprocess.run(
            [executable, "-S", "-c", code],
            env={"PYTHONPATH": str(ROOT / "location")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "[]\n"
