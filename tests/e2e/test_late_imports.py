"""A module that a run imports late is as it was when the run's code was loaded, or the run says."""

import os
import signal
from collections.abc import Callable

import pytest
from e2e.harness import Daemon, eventually

from hostler.v1.run_pb2 import RunEvent

CODE = """\
import importlib, os, subprocess, sys, threading, time
from hostler.definitions import pipeline, repository, solid
{head}

@solid({options})
def late(context):
    open("started", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    {body}


@pipeline
def p():
    late()


@repository
def repo():
    return [p]
"""

ENTRY = "load_from:\n  - python_file:\n      relative_path: orders.py\n"

#: How the helper of value 1 is imported, which is saved with the value 2 meanwhile.
WAYS = {
    "import": "import helper; return helper.VALUE",
    "from": "from helper import VALUE; return VALUE",
    "import_module": "return importlib.import_module('helper').VALUE",
    "of a package": "from package.inner import helper; return helper.VALUE",
    "of a folder": "from folder import helper; return helper.VALUE",
    "by another module": "import between; return between.VALUE",
    "in a thread": (
        "found = []; thread = threading.Thread("
        "target=lambda: found.append(importlib.import_module('helper').VALUE)); "
        "thread.start(); thread.join(); return found[0]"
    ),
    "its text": "import helper, inspect; return int(inspect.getsource(helper)[-2])",
    "anew": "import loaded; del sys.modules['loaded']; import loaded; return loaded.VALUE",
    "reloaded": "import loaded; return importlib.reload(loaded).VALUE",
}

HELPERS = (
    "helper.py",
    "package/inner/helper.py",
    "folder/helper.py",
    "loaded.py",
)


def serve(
    daemon: Daemon, body: str, *, head: str = "import loaded", options: str = "", entry: str = ""
) -> None:
    for name in HELPERS:
        daemon.write(name, "VALUE = 1\n")
    daemon.write("between.py", "from helper import VALUE\n")
    for name in ("package/__init__.py", "package/inner/__init__.py"):
        daemon.write(name, "")
    daemon.write("orders.py", CODE.format(body=body, head=head, options=options))
    daemon.workspace.write_text(ENTRY + entry)
    daemon.start()
    daemon.ready("orders.py")


def run(daemon: Daemon, change: Callable[[], object] = lambda: None) -> tuple[str, list[RunEvent]]:
    """Returns what the run gives, and its events; `change` is called once it has begun."""
    for name in ("started", "go"):
        (daemon.folder / name).unlink(missing_ok=True)
    launched = daemon.client.launch("p")
    eventually((daemon.folder / "started").exists)
    change()
    (daemon.folder / "go").touch()
    events = list(daemon.client.watch_run(launched.name))
    outputs = [each.step_output.preview for each in events if each.HasField("step_output")]
    assert outputs, events
    return outputs[0], events


def messages(events: list[RunEvent], level: str) -> list[str]:
    return [
        each.log_message.message
        for each in events
        if each.HasField("log_message")
        and each.log_message.Level.Name(each.log_message.level) == level
    ]


def save(daemon: Daemon, value: int) -> None:
    for name in HELPERS:
        new = daemon.write("new", f"VALUE = {value}\n")
        new.replace(daemon.folder / name)


@pytest.mark.parametrize("body", WAYS.values(), ids=WAYS.keys())
def test_as_it_was(daemon: Daemon, body: str) -> None:
    serve(daemon, body)
    found, events = run(daemon, lambda: save(daemon, 2))
    assert found == "1"
    if "loaded" not in body:  # where the load has read it, everybody knows
        (said,) = messages(events, "INFO")
        assert "as it was when this run began; the file has changed since" in said
    daemon.ready("orders.py", 2)
    found, events = run(daemon, lambda: save(daemon, 3))
    assert found == "2", "the next run has the code of its launch"
    assert not messages(events, "WARNING")


@pytest.mark.parametrize(
    "served",
    [
        {"options": "timeout=60"},
        {"entry": "      fork: never\n"},
        {"head": "threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()"},
    ],
    ids=["step process", "no fork", "unfit parent"],
)
def test_as_it_was_in_every_kind_of_process(daemon: Daemon, served: dict[str, str]) -> None:
    serve(daemon, WAYS["import"], **served)
    found, events = run(daemon, lambda: save(daemon, 2))
    assert found == "1"
    assert len(messages(events, "INFO")) == 1


def test_what_was_removed_since(daemon: Daemon) -> None:
    serve(daemon, WAYS["of a package"])

    def remove() -> None:
        (daemon.folder / "package/inner/helper.py").unlink()
        (daemon.folder / "package/inner/__init__.py").unlink()
        (daemon.folder / "package/__init__.py").unlink()

    assert run(daemon, remove)[0] == "1"


def test_a_save_before_the_launch_counts(daemon: Daemon) -> None:
    serve(daemon, WAYS["import"])
    save_one = daemon.write("new", "VALUE = 2\n")
    save_one.replace(daemon.folder / "helper.py")
    assert run(daemon)[0] == "2"


def test_code_that_is_behind_the_disk_has_the_helpers_of_its_time(daemon: Daemon) -> None:
    serve(daemon, WAYS["import"])
    eventually(lambda: daemon.client.location("orders.py").template.pid)
    daemon.client.reload()
    daemon.write("orders.py", "half of a checkout (")
    save(daemon, 2)
    daemon.in_state("orders.py", "FAILED")
    assert run(daemon)[0] == "1"


def test_where_their_sources_are_lost_the_run_says_that_they_are_newer(daemon: Daemon) -> None:
    serve(daemon, WAYS["import"])
    daemon.write("orders.py", "half of a checkout (")
    save(daemon, 2)
    before = daemon.in_state("orders.py", "FAILED").pid
    os.kill(before, signal.SIGKILL)
    eventually(lambda: daemon.client.location("orders.py").pid not in (0, before))
    found, events = run(daemon)
    assert found == "2"
    (said,) = messages(events, "WARNING")
    assert "helper.py, which is newer than the code of this run" in said


@pytest.mark.parametrize(
    "write",
    [
        "open('helper.py', 'w').write('VALUE = 5')",
        "open('new', 'w').write('VALUE = 5'); os.replace('new', 'helper.py')",
        (
            "subprocess.run([sys.executable, '-c', 'print(\"VALUE = 5\")'],"
            " stdout=os.open('helper.py', os.O_WRONLY | os.O_TRUNC))"
        ),
        (
            "subprocess.run(['sh', '-c', 'echo VALUE = 5 >helper.py']);"
            " importlib.invalidate_caches()"
        ),
    ],
    ids=["open", "rename", "descriptor", "another process"],
)
def test_what_the_run_writes_itself_counts(daemon: Daemon, write: str) -> None:
    serve(daemon, f"{write}; import helper; return helper.VALUE")
    assert run(daemon)[0] == "5"


def test_a_module_that_is_new(daemon: Daemon) -> None:
    serve(daemon, "import fresh; return fresh.VALUE")
    found, events = run(daemon, lambda: daemon.write("fresh.py", "VALUE = 7\n"))
    assert found == "7"
    (said,) = messages(events, "WARNING")
    assert "fresh.py, which is newer than the code of this run" in said


def test_of_a_large_project_the_run_says_what_is_newer(daemon: Daemon) -> None:
    for number in range(101):
        daemon.write(f"many/m{number}.py", "VALUE = 1\n")
    serve(daemon, "from many import m7; return m7.VALUE")
    found, events = run(daemon, lambda: daemon.write("many/m7.py", "VALUE = 2\n"))
    assert found == "2"
    (said,) = messages(events, "WARNING")
    assert "m7.py, which is newer than the code of this run" in said


def test_nothing_is_said_of_what_has_not_changed(daemon: Daemon) -> None:
    serve(daemon, WAYS["by another module"])
    found, events = run(daemon)
    assert found == "1"
    assert not messages(events, "INFO")
    assert not messages(events, "WARNING")
