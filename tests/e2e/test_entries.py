"""The options of an entry of workspace.yaml, beside its target."""

import psutil
import pytest
from e2e.harness import Daemon, eventually

from hostler.v1.workspace_pb2 import Location

REPORTING = """\
import os
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return os.getpid()


def make():
    return p


@pipeline
def p():
    one()


@repository
def repo():
    return {"pipelines": {"p": make}}
"""


def start(daemon: Daemon, settings: str, source: str = REPORTING) -> None:
    daemon.write("repos.py", source)
    entry = "load_from:\n  - python_file:\n      relative_path: repos.py\n"
    daemon.workspace.write_text(entry + settings)
    daemon.start()


def run(daemon: Daemon) -> str:
    """Executes the pipeline; returns the preview of its output."""
    events = list(daemon.client.execute("p", location="repos.py"))
    assert events[-1].HasField("run_succeeded")
    (output,) = [each.step_output.preview for each in events if each.HasField("step_output")]
    return output


def test_env_and_env_file(daemon: Daemon) -> None:
    daemon.write("variables.env", "FROM_FILE=1\nBOTH=file\n")
    check = (
        'import os\nassert os.environ["FROM_FILE"] == "1"\nassert os.environ["BOTH"] == "entry"\n'
    )
    start(daemon, "      env_file: variables.env\n      env: {BOTH: entry}\n", check + REPORTING)
    before = daemon.ready("repos.py")
    daemon.write("repos.py", check.replace('"1"', '"2"') + REPORTING)
    eventually(lambda: daemon.client.location("repos.py").HasField("error"))
    daemon.write("variables.env", "FROM_FILE=2\nBOTH=file\n")
    assert daemon.ready("repos.py", generation=2).pid != before.pid


def test_globs_are_watched(daemon: Daemon) -> None:
    daemon.write("queries/a.sql", "select 1")
    start(daemon, '      watch: ["queries/*.sql"]\n')
    daemon.ready("repos.py")
    daemon.write("queries/a.sql", "select 2")
    daemon.ready("repos.py", generation=2)
    daemon.write("queries/b.sql", "select 3")
    changed = daemon.ready("repos.py", generation=3).last_changes
    assert list(changed.files) == [str(daemon.folder / "queries" / "b.sql")]


def test_reload_false_waits_for_a_command(daemon: Daemon, source: str) -> None:
    daemon.write("other.py", source.format(name="first"))
    start(daemon, "      reload: false\n  - python_file: other.py\n", source.format(name="first"))
    for name in ("repos.py", "other.py"):
        daemon.ready(name)
        daemon.write(name, source.format(name="second"))
    eventually(lambda: daemon.pipelines("other.py") == ["second"])
    location = daemon.client.location("repos.py")
    assert location.watch_mode == location.OFF
    assert daemon.pipelines("repos.py") == ["first"]
    daemon.client.reload("repos.py")
    assert daemon.pipelines("repos.py") == ["second"]


def test_fork_never_spawns_workers_and_runs(daemon: Daemon) -> None:
    start(daemon, "      fork: never\n")
    location = daemon.ready("repos.py")
    assert location.fork_mode == location.SPAWN
    assert "fork: never" in location.fork_reason
    assert daemon.client.pipeline("repos.py", "repo", "p").solids
    assert run(daemon) != str(location.pid)


UNSAFE = {
    "a thread": (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
        "thread",
    ),
    "a socket": ("import socket\nkept = socket.socket()\n", "socket"),
    "an epoll": ("import select\nkept = select.epoll()\n", "eventpoll"),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_what_is_unsafe_to_fork_loads_the_same_sources_anew(daemon: Daemon, what: str) -> None:
    code, reason = UNSAFE[what]
    daemon.environ["HOSTLER_RUN_STANDBY"] = "0"  # a standby is a fork that was counted before
    start(daemon, "      reload: false\n", code + REPORTING)
    location = daemon.ready("repos.py")
    assert reason in location.fork_reason
    daemon.write("repos.py", "def broken(:\n")  # what is on disk does not matter to this generation
    assert daemon.client.pipeline("repos.py", "repo", "p").solids
    modes = {location.SPAWN, location.TEMPLATE}  # the first run may be faster than the template
    assert daemon.client.location("repos.py").fork_mode in modes
    run(daemon)
    eventually(lambda: daemon.client.location("repos.py").fork_mode == location.TEMPLATE)
    forks = daemon.client.location("repos.py").template.forks
    run(daemon)
    assert daemon.client.location("repos.py").template.forks > forks


ASKS_A_THREAD = """\
import queue, threading
from hostler.definitions import pipeline, solid

asked = queue.Queue()


def answer():
    while True:
        number, reply = asked.get()
        reply.put(number * 2)


threading.Thread(target=answer, daemon=True).start()


@solid
def asks(context):
    reply = queue.Queue()
    asked.put((21, reply))
    return reply.get(timeout=20)


@pipeline
def p():
    asks.alias("first")()
    asks.alias("second")()
"""


def test_steps_of_what_is_unsafe_to_fork_execute_in_the_process_of_the_run(daemon: Daemon) -> None:
    start(daemon, "", ASKS_A_THREAD)
    daemon.ready("repos.py")
    client = daemon.client
    eventually(lambda: client.location("repos.py").fork_mode == Location.TEMPLATE, "a template")
    events = list(daemon.client.watch_run(daemon.client.launch("p", max_concurrency=2).name))
    assert events[-1].HasField("run_succeeded"), events[-1]
    given = [one.step_output.preview for one in events if one.HasField("step_output")]
    assert given == ["42", "42"]
    (warning,) = [one.log_message.message for one in events if one.HasField("log_message")]
    assert "1 Python thread after import" in warning
    assert "the steps execute in it, one after the other" in warning


def test_limits(daemon: Daemon) -> None:
    code = "kept = bytearray(400 * 1024 * 1024)\n"
    start(daemon, "      limits: {memory: 200MiB, nice: 5}\n", code + REPORTING)
    failed = eventually(
        lambda: (found := daemon.client.location("repos.py")).HasField("error") and found
    )
    assert failed.error.exception.type == "MemoryError"
    daemon.write("repos.py", REPORTING)
    location = daemon.ready("repos.py")
    assert psutil.Process(location.pid).nice() == psutil.Process(daemon.pid).nice() + 5


def test_packages_and_modules_of_the_environment(daemon: Daemon, source: str) -> None:
    daemon.write("shop/__init__.py", "")
    daemon.write("shop/repos.py", source.format(name="of_package"))
    daemon.write("single.py", source.format(name="of_module"))
    daemon.workspace.write_text(
        "load_from:\n"
        "  - python_package: {package_name: shop.repos, working_directory: .}\n"
        "  - python_module: single\n"
        "  - python_module: {module_name: single, attribute: repo, location_name: again}\n"
    )
    daemon.start()
    for name, pipeline in (("shop.repos", "of_package"), ("single", "of_module")):
        daemon.ready(name)
        assert daemon.pipelines(name) == [pipeline]
    assert daemon.ready("again").target.attribute == "repo"
