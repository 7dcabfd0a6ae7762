"""Locations that are forked from a template: when they are, when not, and when processes die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from e2e.harness import Daemon, alive, eventually
from e2e.interpreters import interpreters
from e2e.templated import (
    Location,
    execute,
    is_forked,
    repos,
    save,
    serve,
    with_spare,
)

from hostler.client import Client


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
