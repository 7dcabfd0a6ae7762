"""The daemon ends: with SIGTERM it drains and exits 0; with kill -9 nothing of it is left."""

import os
import signal
import sys
import time

import psutil
import pytest
from e2e.harness import Daemon, alive, eventually

from hostler.client import HostlerError
from hostler.v1 import run_pb2

#: User code that does all it can to survive.
STUBBORN = """\
import os, signal, subprocess, sys, time
from hostler.definitions import pipeline, repository, solid

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def note(pid):
    with open("pids", "a") as file:
        file.write("%d\\n" % pid)


# a child in a session of its own with an empty environment, whose parent exits at once
note(os.getpid())
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note(os.getpid())
        os.execve(SLEEP[0], SLEEP, {{}})
    os._exit(0)
os.wait()
# one that is stopped
stopped = subprocess.Popen(SLEEP, start_new_session=True)
note(stopped.pid)
os.kill(stopped.pid, signal.SIGSTOP)
# one that loops and ignores TERM
LOOP = "import signal\\nsignal.signal(15, 1)\\nwhile 1: pass"
note(subprocess.Popen([sys.executable, "-c", LOOP]).pid)


@solid
def one(context):
    note(os.getpid())
    context.log.info("under way")
    time.sleep(600)


@pipeline
def {name}():
    one()


@repository
def repo():
    return [{name}]
"""

WRAPPER = """\
#!/bin/sh
# not exec: the interpreter is a child of this shell
{python} "$@"
"""


@pytest.fixture
def stubborn(daemon: Daemon) -> Daemon:
    daemon.write("stubborn.py", STUBBORN.format(name="stubborn"))
    daemon.write("wrapped/repos.py", STUBBORN.format(name="wrapped"))
    wrapper = daemon.write("python-wrapper", WRAPPER.format(python=sys.executable))
    wrapper.chmod(0o755)
    daemon.workspace.write_text(
        "load_from:\n"
        "  - python_file: stubborn.py\n"
        "  - python_environment:\n"
        "      executable_path: ./python-wrapper\n"
        "      target: {python_file: {relative_path: wrapped/repos.py, location_name: wrapped}}\n"
    )
    daemon.start()
    for name in ("stubborn.py", "wrapped"):
        daemon.ready(name)
        run = daemon.client.launch(name.removesuffix(".py"), location=name)
        with daemon.client.watch_run(run.name) as events:
            for event in events:
                if event.HasField("log_message"):
                    break
    return daemon


def everything(daemon: Daemon) -> set[int]:
    """Returns the pids of the daemon's tree, and those that the user's code noted."""
    noted = [daemon.folder / "pids", daemon.folder / "wrapped" / "pids"]
    return daemon.tree() | {int(line) for path in noted for line in path.read_text().split()}


def test_kill_9_of_the_daemon_leaves_nothing(stubborn: Daemon) -> None:
    pids = everything(stubborn)
    assert len(pids) >= 12
    os.kill(stubborn.pid, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: not any(map(alive, pids)), "all of them are gone", timeout=2)
    assert time.monotonic() - began < 2


def test_kill_9_of_daemon_and_keeper_is_mended_by_the_next_start(
    daemon: Daemon, source: str
) -> None:
    daemon.write("repos.py", source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start()
    first = daemon.ready("repos.py").pid
    both = [psutil.Process(daemon.keeper_pid), psutil.Process(daemon.pid)]
    for process in both:
        process.suspend()  # neither can react to the death of the other
    for process in both:
        process.kill()
    daemon.stop()
    daemon.start()
    eventually(lambda: not alive(first), "what was left is swept")
    assert daemon.ready("repos.py").pid != first


def test_sigterm_ends_everything_and_exits_0(stubborn: Daemon) -> None:
    pids = everything(stubborn)
    run = stubborn.client.runs()[0]
    assert stubborn.stop() == 0
    assert not any(map(alive, pids))
    assert not stubborn.socket.exists()
    assert f"run={run.name.removeprefix('runs/')}" in stubborn.log.read_text()


def test_sigterm_lets_a_run_clean_up(daemon: Daemon) -> None:
    daemon.write(
        "repos.py",
        "import time\n"
        "from hostler.definitions import pipeline, repository, solid\n"
        "@solid\n"
        "def one(context):\n"
        "    context.log.info('under way')\n"
        "    try:\n"
        "        time.sleep(600)\n"
        "    finally:\n"
        "        open('cleaned', 'w').close()\n"
        "@pipeline\n"
        "def p():\n"
        "    one()\n",
    )
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    run = daemon.client.launch("p")
    events = iter(daemon.client.watch_run(run.name))
    for event in events:
        if event.HasField("log_message"):
            break
    os.kill(daemon.pid, signal.SIGTERM)
    try:
        last = list(events)[-1]
    except HostlerError:  # the socket may be closed before the last event is through
        last = run_pb2.RunEvent()
    assert daemon.wait() == 0
    assert (daemon.folder / "cleaned").exists()
    assert not last.HasField("run_failed")


def test_the_lifeline_ends_the_daemon(daemon: Daemon, source: str) -> None:
    daemon.write("repos.py", source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    assert daemon._lifeline is not None
    daemon._lifeline.close()
    assert daemon.wait() == 0


def test_cancel_asks_then_terminates_then_kills(stubborn: Daemon) -> None:
    run = next(each for each in stubborn.client.runs() if "stubborn.py" in each.pipeline)
    stubborn.client.cancel_run(run.name)
    for event in stubborn.client.watch_run(run.name):
        last = event
    assert last.HasField("run_canceled")
    eventually(lambda: not alive(run.pid))
