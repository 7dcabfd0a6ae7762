"""The loading half of the location host, on every interpreter of the machine that it supports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
LOCATION = HERE.parents[2] / "location"
VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def interpreters() -> dict[str, str]:
    """Returns the installed supported interpreters by version, this one among them."""
    found = {}
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for version in VERSIONS:
        candidates = [str(path) for path in versions.glob(f"{version}.*/bin/python")]
        on_path = shutil.which(f"python{version}")
        # pyenv puts a shim on PATH also for a version that is not chosen; the shim then fails.
        if on_path and "shims" not in Path(on_path).parts:
            candidates.append(on_path)
        if candidates:
            found[version] = candidates[0]
    found["{}.{}".format(*sys.version_info[:2])] = sys.executable
    return found


INTERPRETERS = interpreters()
SCRIPTS = sorted(path.name for path in HERE.glob("*_script.py"))


def test_the_interpreters_that_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    missing = [version for version in VERSIONS if version not in INTERPRETERS]
    with capsys.disabled():
        if missing:
            sys.stderr.write(f"\nno interpreter, so not tested: Python {', '.join(missing)}\n")
    assert len(INTERPRETERS) + len(missing) >= len(VERSIONS)


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_on_each_interpreter(version: str, script: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    done = subprocess.run(
        [INTERPRETERS[version], "-W", "error", str(HERE / script), str(tmp_path)],
        env={**environment, "PYTHONPATH": f"{LOCATION}{os.pathsep}{TESTS}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
