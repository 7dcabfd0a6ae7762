"""Every save is served, whatever has loaded or found the file."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from e2e.harness import Daemon, daemon_in, eventually
from e2e.loaders import PROJECTS, SOURCE, save, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Starts a daemon with a location for each project."""
    with daemon_in(tmp_path_factory.mktemp("saves")) as daemon:
        entries = []
        for name, project in PROJECTS.items():
            folder = daemon.folder / name / project.base / "project"
            folder.mkdir(parents=True)
            write_project(folder, project)
            path = folder / "repos.py"
            watch = json.dumps([f"{folder}/{pattern}" for pattern in project.watch])
            entry = {"relative_path": str(path), "location_name": name}
            entries.append(f'  - python_file: {json.dumps(entry)[:-1]}, "watch": {watch}}}\n')
        daemon.workspace.write_text("load_from:\n" + "".join(entries))
        daemon.start()
        for name in PROJECTS:
            daemon.ready(name)
        yield daemon


@pytest.mark.parametrize("name", PROJECTS)
def test_a_save_is_served(served: Daemon, name: str) -> None:
    project = PROJECTS[name]
    folder = served.folder / name / project.base / "project"
    assert served.pipelines(name) == [f"is_{project.before}"]
    if callable(project.change):
        project.change(folder)
    else:
        save(folder, project.change)
    expected = [f"is_{project.after}"]
    eventually(lambda: served.pipelines(name) == expected, f"{name} serves the save")


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Daemon]:
    """Makes a daemon that tries a failed load again after an hour, if nothing changes."""
    with daemon_in(tmp_path, restart_first_delay="3600", restart_max_delay="3600") as made:
        yield made


#: What keeps a location from loading, and what mends it without any change of a source that the
#: load has read.
FAILURES = {
    "syntax-error-by-path": ("plugins/plug.py", "VALUE = (\n", "VALUE = 2\n"),
    "data-file": ("settings.json", "{", '{"VALUE": 2}'),
    "missing-data-file": ("deep/er/settings.json", None, '{"VALUE": 2}'),
    "raises-by-path": ("plugins/plug.py", "raise RuntimeError", "VALUE = 2\n"),
    "a-file-that-a-child-reads": ("child.txt", "x", "2"),
    "a-folder-to-come": ("conf/a.yaml", None, "2"),
}

_READS = {
    ".py": "import runpy\nVALUE = runpy.run_path(path)['VALUE']",
    ".json": "import json\nVALUE = json.load(open(path))['VALUE']",
    ".txt": "import subprocess\nVALUE = int(subprocess.check_output(['cat', path]))",
    ".yaml": "VALUE = sum(int(open(one.path).read()) for one in os.scandir(os.path.dirname(path)))",
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failed_location_tries_again_on_any_change(patient: Daemon, name: str) -> None:
    file, broken, mended = FAILURES[name]
    project = patient.folder / "project"
    code = f"import os\npath = os.path.join(os.path.dirname(__file__), {file!r})\n"
    save(project, {"repos.py": SOURCE.format(code=code + _READS["." + file.split(".")[-1]])})
    if broken is not None:
        save(project, {file: broken})
    patient.workspace.write_text("load_from:\n  - python_file: project/repos.py\n")
    _fails(patient.start())
    save(project, {file: mended})
    patient.ready("repos.py")
    assert patient.pipelines("repos.py") == ["is_2"]


def test_what_a_failing_load_writes_itself_starts_no_other(patient: Daemon) -> None:
    code = "open(__file__ + '.log', 'a').write('loaded\\n')\nimport os\nos.listdir('.')\n1 / 0"
    path = patient.write("project/repos.py", SOURCE.format(code=code))
    patient.workspace.write_text("load_from:\n  - python_file: project/repos.py\n")
    _fails(patient.start())
    _rests(path.with_name("repos.py.log"))


#: Code that changes, while it loads, what it has listed or read.
_WRITERS = {
    "makes-a-file": """
import time
os.listdir(here)
open(f'{here}/{time.time()}.out', 'w').close()
""",
    "makes-a-folder": """
import time
os.listdir(here)
os.mkdir(f'{here}/{time.time()}')
""",
    "counts": """
names = os.listdir(here + '/d')
path = here + '/d/count'
count = int(open(path).read() or 0)
open(path, 'w').write(str(count + 1))
""",
    "makes-a-temporary-file": """
import tempfile
os.listdir(here)
tempfile.NamedTemporaryFile(dir=here, delete=False)
""",
    "renames": """
import time
open(f'{here}/new', 'w').close()
os.listdir(here)
os.rename(f'{here}/new', f'{here}/{time.time()}')
""",
    "links": """
import time
os.listdir(here)
os.symlink('/', f'{here}/{time.time()}')
""",
    "removes": """
open(f'{here}/new', 'w').close()
os.listdir(here)
os.remove(f'{here}/new')
""",
}


@pytest.mark.parametrize("code", _WRITERS.values(), ids=_WRITERS)
def test_what_a_load_writes_itself_starts_no_other(daemon: Daemon, code: str) -> None:
    code = (
        "import os\nhere = os.path.dirname(__file__)\n"
        f"{code}\nopen({str(daemon.folder / 'loads')!r}, 'a').write('loaded\\n')\nVALUE = 1"
    )
    daemon.write("project/d/count", "")
    path = daemon.write("project/repos.py", SOURCE.format(code=code))
    daemon.workspace.write_text("load_from:\n  - python_file: project/repos.py\n")
    daemon.start().ready("repos.py")
    _rests(daemon.folder / "loads")
    path.write_text(SOURCE.format(code=code + "0"))
    eventually(lambda: daemon.pipelines("repos.py") == ["is_10"])
    _rests(daemon.folder / "loads")


#: Programs that change, while the code loads that starts them, what the code has listed.
_PROGRAMS = {
    "makes-a-file": "subprocess.run([sys.executable, '-c', MAKE.format(here)], check=True)",
    "makes-a-folder": "subprocess.run(['mktemp', '-d', '-p', here], check=True)",
    "makes-a-file-later": "subprocess.Popen([sys.executable, '-c', MAKE.format(here)])",
    "fails-and-makes-a-file": "subprocess.run(['mktemp', '-p', here], check=True); 1 / 0",
}


@pytest.mark.parametrize("code", _PROGRAMS.values(), ids=_PROGRAMS)
def test_programs_of_a_load_that_make_files_do_not_have_it_loaded_without_end(
    patient: Daemon, code: str
) -> None:
    loads = patient.folder / "loads"
    code = (
        "import os, subprocess, sys\nhere = os.path.dirname(__file__)\nos.listdir(here)\n"
        "MAKE = \"import time; open(f'{}/{{time.time()}}.out', 'w').close()\"\n"
        f"open({str(loads)!r}, 'a').write('loaded\\n')\n{code}\nVALUE = 1"
    )
    path = patient.write("project/repos.py", SOURCE.format(code=code))
    patient.workspace.write_text("load_from:\n  - python_file: project/repos.py\n")
    patient.start()
    told = f"a change of names in {path.parent}/, so that the next load waits"
    eventually(lambda: any(told in one.text for one in patient.client.logs("repos.py")), told)
    _rests(loads)
    path.write_text(SOURCE.format(code="VALUE = 2"))

    def is_served() -> bool:
        is_ready = patient.state("repos.py") == "READY"
        return is_ready and patient.pipelines("repos.py") == ["is_2"]

    eventually(is_served, "a save is served at once")


def _fails(daemon: Daemon) -> None:
    eventually(lambda: daemon.client.location("repos.py").HasField("error"), "the load fails")


def _rests(log: Path) -> None:
    """Asserts that no load comes for a while."""
    pause = threading.Event()
    pause.wait(1)
    before = log.read_text()
    pause.wait(1.5)
    assert log.read_text() == before
