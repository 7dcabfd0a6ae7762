"""The template of an environment: packages that change, and locations that share it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from e2e.harness import Daemon, alive, eventually
from e2e.templated import (
    Location,
    execute,
    is_forked,
    repos,
    save,
    with_spare,
)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Makes a virtual environment without pip, of the daemon's own interpreter."""
    path = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    return path


def in_environment(daemon: Daemon, environment: Path, text: str) -> None:
    """Starts a daemon with one location in an environment."""
    daemon.write("repos.py", text)
    daemon.workspace.write_text(
        "load_from:\n  - python_environment:\n"
        f"      executable_path: {environment}/bin/python\n"
        "      target:\n        python_file: repos.py\n"
    )
    daemon.start().ready("repos.py")


def install(environment: Path, name: str, text: str, version: str) -> None:
    """Writes what an installer leaves of a package of one module."""
    (site,) = environment.glob("lib/python*/site-packages")
    for old in site.glob(f"{name}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    (site / f"{name}.py").write_text(text)
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")


def test_an_upgraded_package_gives_a_new_template_and_reloads(
    daemon: Daemon, environment: Path
) -> None:
    install(environment, "dear", "VERSION = 1\n", "1.0")
    daemon.write("repos.py", repos("first", "import dear", "dear.VERSION"))
    daemon.workspace.write_text(
        "load_from:\n  - python_environment:\n"
        f"      executable_path: {environment}/bin/python\n"
        "      target:\n        python_file: repos.py\n"
    )
    daemon.start().ready("repos.py")
    before = with_spare(daemon)
    assert execute(daemon, "first") == "1"
    install(environment, "dear", "VERSION = 2\n", "2.0")
    after = daemon.ready("repos.py", before.generation + 1)
    assert after.start_mode == Location.SPAWNED, "the new template was not there yet"
    assert any("dear-2.0" in what for what in after.last_changes.files)
    assert execute(daemon, "first") == "2"
    renewed = with_spare(daemon)
    assert renewed.template.pid != before.template.pid
    assert not alive(before.template.pid)
    save(daemon, "second", "import dear", "dear.VERSION")
    assert execute(daemon, "second") == "2"


def test_a_preloaded_file_that_is_edited_in_place(daemon: Daemon, environment: Path) -> None:
    install(environment, "dear", "VERSION = 1\n", "1.0")
    in_environment(daemon, environment, repos("first", "import dear", "dear.VERSION"))
    before = with_spare(daemon)
    (site,) = environment.glob("lib/python*/site-packages")
    edits = [0.0]

    def is_loaded_anew() -> bool:
        """Edits again and again: the watch begins only after the template is made."""
        if time.monotonic() - edits[-1] > 3:
            edits.append(time.monotonic())
            (site / "dear.py").write_text(f"VERSION = 'edited {edits[-1]}'\n")
        return daemon.client.location("repos.py").generation > before.generation

    eventually(is_loaded_anew)
    after = daemon.ready("repos.py", before.generation + 1)
    assert "dear.py" in after.last_changes.files
    with_spare(daemon)
    assert execute(daemon, "first").startswith("edited")


def test_a_run_of_what_is_not_for_forks(daemon: Daemon, environment: Path) -> None:
    """The location process may not be forked, and a fork of the template would import too early."""
    install(environment, "dear", "import os\nVALUE = os.environ.get('THREADS')\n", "1.0")
    code = (
        "import os, threading\nos.environ['THREADS'] = '1'\nimport dear\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    in_environment(daemon, environment, repos("first", code, "dear.VALUE"))
    with_spare(daemon)
    assert execute(daemon, "first") == "1"
    with_spare(daemon)
    assert execute(daemon, "first") == "1"


#: A module that tells when it was imported, and takes a while.
SLOW = """\
import pathlib, time
began = time.monotonic()
time.sleep(0.4)
with open({log!r}, "a") as log:
    log.write(f"{{began}} {{time.monotonic()}}\\n")
"""


def siblings(daemon: Daemon, environment: Path, files: list[str]) -> list[str]:
    """Starts a daemon with locations for the files, all in one environment; returns their names."""
    entry = (
        f"  - python_environment:\n      executable_path: {environment}/bin/python\n"
        "      target: {{python_file: {{relative_path: {}, location_name: l{}}}}}\n"
    )
    entries = [entry.format(file, number) for number, file in enumerate(files)]
    daemon.workspace.write_text("load_from:\n" + "".join(entries))
    daemon.start()
    return [f"l{number}" for number in range(len(files))]


def test_siblings_wait_for_the_first_one_and_the_template_follows_it(
    daemon: Daemon, environment: Path, tmp_path: Path
) -> None:
    log = tmp_path / "imports.log"
    install(environment, "dear", SLOW.format(log=str(log)), "1.0")
    daemon.write("repos.py", repos("first", "import dear"))
    names = siblings(daemon, environment, ["repos.py"] * 12)
    modes = [daemon.ready(name).start_mode for name in names]
    assert modes.count(Location.SPAWNED) == 1, modes
    times = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    assert len(times) == 2, "of the first one and of the template, and of no other"
    (began, ended), (also_began, also_ended) = times
    assert max(began, also_began) < min(ended, also_ended), "one after the other"


def test_siblings_of_a_first_one_that_fails(
    daemon: Daemon, environment: Path, tmp_path: Path
) -> None:
    install(environment, "dear", SLOW.format(log=str(tmp_path / "imports.log")), "1.0")
    daemon.write("broken.py", "import dear\nraise RuntimeError('broken')\n")
    daemon.write("repos.py", repos("first", "import dear"))
    _, *names = siblings(daemon, environment, ["broken.py", *["repos.py"] * 6])
    modes = [daemon.ready(name).start_mode for name in names]
    assert modes.count(Location.SPAWNED) <= 1, modes


def test_siblings_of_a_first_one_that_sleeps_do_not_wait_for_it(
    daemon: Daemon, environment: Path, tmp_path: Path
) -> None:
    install(environment, "dear", SLOW.format(log=str(tmp_path / "imports.log")), "1.0")
    daemon.write("asleep.py", "import dear, time\ntime.sleep(600)\n")
    daemon.write("repos.py", repos("first", "import dear"))
    _, _, _, *names = siblings(daemon, environment, [*["asleep.py"] * 3, *["repos.py"] * 4])
    for name in names:
        daemon.ready(name)
    assert daemon.client.location("l0").state == Location.STARTING


def test_the_target_of_a_pth_file_is_a_folder_of_the_project(
    daemon: Daemon, environment: Path, tmp_path: Path
) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "editable.py").write_text("VALUE = 1\n")
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "editable.pth").write_text(f"{tmp_path / 'linked'}\n")
    daemon.write("repos.py", repos("first", "import editable", "editable.VALUE"))
    daemon.workspace.write_text(
        "load_from:\n  - python_environment:\n"
        f"      executable_path: {environment}/bin/python\n"
        "      target:\n        python_file: repos.py\n"
    )
    daemon.start().ready("repos.py")
    before = with_spare(daemon)
    (tmp_path / "linked" / "editable.py").write_text("VALUE = 2\n")
    after = daemon.ready("repos.py", before.generation + 1)
    assert is_forked(after)
    assert execute(daemon, "first") == "2"
