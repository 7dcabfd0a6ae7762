"""Locations that are forked from a template: when they are, when not, and when processes die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from e2e.harness import Daemon, alive, eventually
from e2e.interpreters import interpreters

from hostler.client import Client
from hostler.v1 import workspace_pb2

Location = workspace_pb2.Location

REPOSITORY = """\
{code}
from hostler.definitions import pipeline, repository, solid


@solid
def shown(context):
    context.log.info(str({value}))


@pipeline
def {name}():
    shown()


@repository
def repo():
    return [{name}]
"""


def repos(name: str, code: str = "", value: str = "'nothing'") -> str:
    return REPOSITORY.format(name=name, code=code, value=value)


def serve(daemon: Daemon, text: str, **files: str) -> Location:
    """Starts a daemon with one location and waits for the spare of its template."""
    for name, content in files.items():
        daemon.write(f"{name}.py", content)
    daemon.write("repos.py", text)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return with_spare(daemon)


def with_spare(daemon: Daemon) -> Location:
    """Waits for a template and its spare."""

    def check() -> Location | None:
        found = daemon.client.location("repos.py")
        return found if found.template.pid and found.template.spare_pid else None

    return eventually(check, "a template and a spare")


def save(daemon: Daemon, name: str, code: str = "", value: str = "'nothing'") -> Location:
    """Saves the file, and waits for the new answer."""
    daemon.write("repos.py", repos(name, code, value))
    eventually(lambda: daemon.pipelines("repos.py") == [name], name)
    return daemon.ready("repos.py")


def is_forked(location: Location) -> bool:
    return location.start_mode == Location.FORKED


def execute(daemon: Daemon, name: str) -> str:
    """Executes a pipeline; returns what it logged."""
    events = list(daemon.client.execute(name, location="repos.py"))
    assert events[-1].HasField("run_succeeded"), events[-1]
    return "\n".join(event.log_message.message for event in events if event.HasField("log_message"))


def test_a_save_is_served_by_a_fork_of_the_template(daemon: Daemon) -> None:
    first = serve(
        daemon, repos("first", "import decimal, helper", "helper.VALUE"), helper="VALUE=1"
    )
    assert (first.start_mode, first.start_reason) == (
        Location.SPAWNED,
        "the first load in this environment",
    )
    second = save(daemon, "second", "import decimal, helper", "(helper.VALUE, decimal.__name__)")
    assert (second.start_mode, second.start_reason) == (Location.FORKED, "")
    assert second.pid == first.template.spare_pid, "the process that was forked ahead"
    assert second.HasField("load_parts")
    assert second.load_parts.describe.ToNanoseconds() > 0
    parent = psutil.Process(second.pid).ppid()
    assert parent == daemon.keeper_pid, "whose death takes nothing else along"
    assert execute(daemon, "second") == "(1, 'decimal')"
    daemon.write("helper.py", "VALUE=2")
    third = daemon.ready("repos.py", second.generation + 1)
    assert is_forked(third)
    assert list(third.last_changes.files) == [str(daemon.folder / "helper.py")]
    assert execute(daemon, "second") == "(2, 'decimal')"


def test_a_location_that_joins_is_forked_at_once(daemon: Daemon) -> None:
    serve(daemon, repos("first"))
    daemon.write("other.py", repos("other"))
    daemon.workspace.write_text(
        "load_from:\n  - python_file: repos.py\n  - python_file: other.py\n"
    )
    assert is_forked(daemon.ready("other.py"))


def test_variables_of_a_location_are_of_its_own_template(daemon: Daemon) -> None:
    daemon.write("repos.py", repos("first", "import os", "os.environ['PLACE']"))
    daemon.workspace.write_text(
        "load_from:\n"
        "  - python_file: {relative_path: repos.py, env: {PLACE: here}}\n"
        "  - python_file: {relative_path: repos.py, location_name: there, env: {PLACE: there}}\n"
    )
    daemon.start().ready("repos.py")
    ours = with_spare(daemon)
    theirs = eventually(lambda: daemon.ready("there").template.pid, "another template")
    assert ours.template.pid != theirs
    save(daemon, "second", "import os", "os.environ['PLACE']")
    assert execute(daemon, "second") == "here"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import os\nos.environ['OPENBLAS_NUM_THREADS'] = '1'",
            "sets OPENBLAS_NUM_THREADS when it",
        ),
        (
            "import sys, types; sys.modules['gevent.monkey'] = types.SimpleNamespace(saved=[1])",
            "patched by gevent",
        ),
    ],
)
def test_what_has_to_come_before_the_imports_gets_a_new_interpreter(
    daemon: Daemon, code: str, reason: str
) -> None:
    serve(daemon, repos("first"))
    second = save(daemon, "second", code)
    assert second.start_mode == Location.SPAWNED
    assert reason in second.start_reason
    third = save(daemon, "third", code)
    assert third.start_mode == Location.SPAWNED, "it is known by now"
    save(daemon, "fourth")
    assert is_forked(save(daemon, "fifth")), "the fourth had nothing of it any more"


def test_a_fork_that_dies_where_a_new_interpreter_does_not(daemon: Daemon) -> None:
    code = "import os, sys\nif 'wave' in sys.modules: os.kill(os.getpid(), 11)\nimport wave"
    serve(daemon, repos("first", code))
    assert save(daemon, "second", code).start_mode == Location.SPAWNED
    third = save(daemon, "third", code)
    assert third.start_reason == (
        "a fork failed: it was killed by SIGSEGV; a new interpreter did not"
    )
    assert execute(daemon, "third") == "nothing"


def test_what_kills_every_process_is_no_reason_against_forks(daemon: Daemon) -> None:
    serve(daemon, repos("first"))
    daemon.write("repos.py", repos("second", "import os\nos.abort()"))
    failed = daemon.in_state("repos.py", "BACKOFF")
    assert "SIGABRT" in failed.error.message
    assert daemon.pipelines("repos.py") == ["first"]
    with_spare(daemon)
    assert is_forked(save(daemon, "third"))


def test_a_module_of_the_project_that_comes_to_hide_another(daemon: Daemon) -> None:
    serve(daemon, repos("first", "import wave", "wave.__file__"))
    save(daemon, "second", "import wave", "wave.__file__")
    assert execute(daemon, "second") != str(daemon.folder / "wave.py")
    daemon.write("wave.py", "")
    location = daemon.ready("repos.py", 3)
    assert location.start_mode == Location.SPAWNED
    assert "wave.py of the project hides a module" in location.start_reason
    assert execute(daemon, "second") == str(daemon.folder / "wave.py")


def test_what_is_killed_is_made_good_and_reads_never_fail(daemon: Daemon) -> None:
    serve(daemon, repos("first"))
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        with Client(daemon.socket) as client:
            while not stop.is_set():
                try:
                    client.pipelines("repos.py")
                except Exception as error:  # noqa: BLE001 (the test shows it)
                    wrong.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    victims: list[Callable[[Location], list[int]]] = [
        lambda location: [location.template.spare_pid],
        lambda location: [location.template.pid],
        lambda location: [location.pid],
        lambda location: [location.template.spare_pid, location.template.pid, location.pid],
    ]
    try:
        for number, choose in enumerate(victims):
            # a process that dies within a second after READY is thought to have failed to start
            location = eventually(lambda: _settled(daemon), "a second of health")
            killed = choose(location)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            save(daemon, f"after_{number}")
            eventually(lambda pids=killed: not any(map(alive, pids)))  # type: ignore[misc]
            with_spare(daemon)
            save(daemon, f"again_{number}")
    finally:
        stop.set()
        reader.join()
    assert wrong == []
    assert is_forked(daemon.ready("repos.py"))


def _settled(daemon: Daemon) -> Location | None:
    location = with_spare(daemon)
    lived = time.time() - location.start_time.ToNanoseconds() / 1e9
    return location if lived > 1.1 and location.pid else None


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


def test_every_interpreter_forks(daemon: Daemon) -> None:
    entries = []
    for version, executable in interpreters().items():
        name = f"on_{version.replace('.', '_')}"
        daemon.write(f"{name}.py", repos("first"))
        entries.append(
            f"  - python_environment:\n      executable_path: {executable}\n"
            f"      target: {{python_file: {name}.py}}\n"
        )
    daemon.workspace.write_text("load_from:\n" + "".join(entries))
    daemon.start()
    for location in daemon.client.locations():
        name = location.name.removeprefix("locations/")
        daemon.ready(name)
        eventually(lambda of=name: daemon.client.location(of).template.spare_pid)  # type: ignore[misc]
        daemon.write(name, repos("second"))
        forked = daemon.ready(name, 2)
        assert is_forked(forked), forked.start_reason
        assert daemon.pipelines(name) == ["second"]
        *_, last = daemon.client.execute("second", location=name)
        assert last.HasField("run_succeeded")
