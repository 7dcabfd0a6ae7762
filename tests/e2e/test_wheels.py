"""The two wheels: what they hold, and how they stand beside each other in an environment."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from e2e.interpreters import interpreters

ROOT = Path(__file__).parents[2]

#: What a test of a location's code does.
SCRIPT = """
from hostler.definitions import SolidContext, execute_pipeline, pipeline, solid

@solid
def one(context):
    return 20

@solid
def two(context, value):
    return value + 1

@pipeline
def both():
    two(one())

assert two(SolidContext(), 41) == 42
result = execute_pipeline(both)
assert result.success
print("tested", result.output("two"))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Builds both wheels; by the name of the distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    build = [str(ROOT / "dev"), "wheel", str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


def python_of(version: str, folder: Path) -> Path:
    found = interpreters().get(version)
    if found is None:
        pytest.skip(f"no interpreter of {version}")
    subprocess.run([found, "-m", "venv", str(folder)], check=True)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def install(python: Path, wheel: Path) -> subprocess.CompletedProcess[str]:
    return pip(python, "install", "--no-index", "--no-deps", str(wheel))


def output_of(python: Path, code: str, folder: Path) -> str:
    """Returns what code prints, and what it raises."""
    done = subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )
    return done.stdout + done.stderr


def test_no_file_is_in_two_wheels_and_both_have_one_version(wheels: dict[str, Path]) -> None:
    assert set(wheels) == {"hostler", "hostler_definitions"}
    assert len({path.name.split("-")[1] for path in wheels.values()}) == 1
    names = {name: set(zipfile.ZipFile(path).namelist()) for name, path in wheels.items()}
    assert not names["hostler"] & names["hostler_definitions"]
    sources = ROOT / "location" / "hostler" / "definitions"
    expected = {f"hostler/definitions/{path.name}" for path in sources.iterdir() if path.is_file()}
    info = {name for name in names["hostler_definitions"] if ".dist-info/" in name}
    assert names["hostler_definitions"] - info == expected
    copy = "hostler/daemon/locations_code/"
    assert {copy + name for name in expected} <= names["hostler"]


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.13"])
def test_definitions_are_tested_in_a_location_s_environment(
    wheels: dict[str, Path], tmp_path: Path, version: str
) -> None:
    python = python_of(version, tmp_path / "venv")
    done = install(python, wheels["hostler_definitions"])
    assert done.returncode == 0, done.stderr
    assert output_of(python, SCRIPT, tmp_path) == "tested 21\n"
    assert "No broken requirements" in pip(python, "check").stdout


def test_the_full_wheel_is_refused_on_an_old_python_in_one_line(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    python = python_of("3.9", tmp_path / "venv")
    done = install(python, wheels["hostler"])
    assert done.returncode
    (line,) = done.stderr.splitlines()
    assert "'hostler' requires a different Python: 3.9" in line
    assert "'>=3.11'" in line


@pytest.mark.parametrize("removed", ["hostler", "hostler-definitions"])
def test_removing_one_wheel_leaves_the_other_whole(
    wheels: dict[str, Path], tmp_path: Path, removed: str
) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    for wheel in wheels.values():
        assert install(python, wheel).returncode == 0
    assert output_of(python, SCRIPT, tmp_path) == "tested 21\n"
    site = Path(
        output_of(python, "import site; print(site.getsitepackages()[0])", tmp_path).strip()
    )
    assert pip(python, "uninstall", "-y", removed).returncode == 0
    kept = wheels[{"hostler": "hostler_definitions"}.get(removed, "hostler")]
    files = [name for name in zipfile.ZipFile(kept).namelist() if name.startswith("hostler/")]
    assert not [name for name in files if not (site / name).is_file()]
    if removed == "hostler":
        assert output_of(python, SCRIPT, tmp_path) == "tested 21\n"
    else:
        made = (
            "from pathlib import Path\n"
            "from hostler.daemon.processes import runtime\n"
            "made = runtime.prepare(Path('cache'))\n"
            "print(sorted(path.name for path in (made.path / 'hostler').iterdir()))\n"
        )
        assert output_of(python, made, tmp_path) == "['definitions', 'host']\n"
        assert "No module named 'hostler.definitions'" in output_of(python, SCRIPT, tmp_path)
