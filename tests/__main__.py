"""./dev test: everything that must be green.

Without arguments: the unit and component tests in the development environment, then the end-to-end
tests against the built wheel in a clean one. With arguments: pytest, with those.
"""

import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: What the clean environment gets beside the wheel, at the versions of pyproject.toml.
TEST_TOOLS = ("pytest", "pytest-timeout", "pytest-xdist")

#: One for each of the 2 cores that the tests are measured on.
PARALLEL = ("-n", "2")


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0 where all is green."""
    if arguments:
        return _pytest(Path(sys.executable), *arguments)
    began = time.monotonic()
    failed = _pytest(Path(sys.executable), *PARALLEL, "tests/unit", "tests/component")
    with tempfile.TemporaryDirectory(prefix="hostler-test-") as folder:
        python = _wheel_environment(Path(folder))
        failed = _pytest(python, *PARALLEL, "tests/e2e") or failed
    print(f"tests: {'failed' if failed else 'all green'} in {time.monotonic() - began:.0f} s")
    return failed


def _wheel_environment(folder: Path) -> Path:
    """Builds the wheels and installs them in a clean environment; returns its interpreter."""
    print("tests: building the wheels and installing them in a clean environment", flush=True)
    build = [str(ROOT / "dev"), "wheel", str(folder)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wheels = [str(wheel) for wheel in folder.glob("*.whl")]
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, *wheels, *_pinned()], check=True)
    return python


def _pinned() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = project["optional-dependencies"]["dev"]
    return [pin for pin in pins if pin.partition("==")[0] in TEST_TOOLS]


def _pytest(python: Path, *arguments: str) -> int:
    return subprocess.run(
        [str(python), "-m", "pytest", *arguments], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
