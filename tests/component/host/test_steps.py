"""Steps in processes of their own, forked from a real run process."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest
from component.host.host_process import GOOD, PATIENCE, THREAD, Host, load, run_order

from hostler.host import wire
from hostler.host.wire import Event, Method, Status

TIMED = GOOD.replace("@solid(config", "@solid(timeout=60, config")


def test_a_step_in_a_process_of_its_own(host: Host, tmp_path: Path) -> None:
    """It reports what it prints and imports, draws its own random numbers, and has no wire."""
    (tmp_path / "late.py").write_text("")
    shown = """\
    import os, random, late
    print(os.getppid(), os.getsid(0), random.random())
"""
    text = "import random\n" + TIMED.replace('    print("in the solid")\n', shown)
    assert load(host, tmp_path, text).code == Status.OK
    drawn = set()
    for _ in range(2):
        child = host.fork()
        pid = child.hello()["pid"]
        answer = child.ask(Method.RUN, run_order("works"))
        assert (answer.code, answer.json()) == (Status.OK, {"failure": None})
        told = [(item["step"], item["event"]) for item in child.items]
        assert told == [
            ("greet", "step_started"),
            ("greet", "printed_line"),
            ("greet", "log_message"),
            ("greet", "step_output"),
            ("greet", "step_succeeded"),
        ]
        parent, session, number = child.items[1]["data"]["text"].split()
        assert (int(parent), int(session)) == (pid, pid)
        drawn.add(number)
        touched = [pairs for code, pairs in child.events if code == Event.TOUCHED]
        assert any(path == str(tmp_path / "late.py") for pairs in touched for path, _ in pairs)
        assert child.end() == ("", "")
    assert len(drawn) == 2


def test_where_forks_are_unsafe_a_step_is_forked_and_the_log_says_so(
    host: Host, tmp_path: Path
) -> None:
    load(host, tmp_path, THREAD + TIMED)
    answer = host.ask(Method.RUN, run_order("works"))
    assert (answer.code, answer.json()) == (Status.OK, {"failure": None})
    events = [(item["step"], item["event"]) for item in host.items]
    assert events[:2] == [("greet", "step_started"), (None, "log_message")]
    warning = host.items[1]["data"]
    assert warning["level"] == "WARNING"
    assert "(1 Python thread after import)" in warning["message"]


WAITING = TIMED.replace(
    '    print("in the solid")\n',
    """\
    import os, time
    try:
        print(os.getpid())
        time.sleep(60)
    finally:
        print("tidied up")
""",
)


def test_sigint_cancels_a_step_in_a_process_of_its_own(host: Host, tmp_path: Path) -> None:
    load(host, tmp_path, WAITING)
    child = host.fork()
    pid = child.hello()["pid"]
    order = child.order(Method.RUN, run_order("works"))
    step = int(child.item("printed_line")["data"]["text"])
    os.kill(pid, signal.SIGINT)
    assert child.answer(order).code == Status.CANCELED
    assert child.items[-1]["data"]["text"] == "tidied up"
    assert not Path(f"/proc/{step}").exists()


SEVERAL = """\
import os, signal, subprocess, sys
from hostler.definitions import pipeline, solid


@solid
def wait():
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    print(os.getpid(), child.pid)
    signal.pause()


@solid
def stubborn():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(os.getpid())
    signal.pause()


@solid
def late(value):
    print("never")


@pipeline
def several():
    late(wait())
    wait()


@pipeline
def unwilling():
    stubborn()
    wait()
"""


def order_of(pipeline: str, limit: int) -> bytes:
    order = {"run": "r1", "repository": f"__repository__{pipeline}", "pipeline": pipeline}
    return wire.dump({**order, "config": {}, "tags": {}, "max_concurrency": limit})


def pidfds_of(child: Host, lines: int) -> list[int]:
    """Opens the processes that the next lines of output name."""
    texts = [child.item("printed_line")["data"]["text"] for _ in range(lines)]
    return [os.pidfd_open(int(pid)) for text in texts for pid in text.split()]


def ended(pidfds: list[int]) -> None:
    """Waits for the ends of processes."""
    for pidfd in pidfds:
        assert select.select([pidfd], [], [], PATIENCE)[0], "it lives"
        os.close(pidfd)


def test_sigint_cancels_all_steps_and_what_they_have_started(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "etl.py"
    path.write_text(SEVERAL)
    assert host.load(path, "several").code == Status.OK
    child = host.fork()
    pid = child.hello()["pid"]
    order = child.order(Method.RUN, order_of("several", 2))
    processes = pidfds_of(child, 2)
    os.kill(pid, signal.SIGINT)
    assert child.answer(order).code == Status.CANCELED
    ended(processes)
    assert {item["event"] for item in child.items} <= {"printed_line"}, "of the subprocesses"
    assert child.ask(Method.PING).code == Status.OK


def test_sigterm_ends_steps_that_ignore_the_cancel(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "etl.py"
    path.write_text(SEVERAL)
    assert host.load(path, "unwilling").code == Status.OK
    child = host.fork()
    pid = child.hello()["pid"]
    child.order(Method.RUN, order_of("unwilling", 2))
    processes = pidfds_of(child, 2)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    ended(processes)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_step_outlives_its_run(host: Host, tmp_path: Path, number: signal.Signals) -> None:
    load(host, tmp_path, WAITING)
    child = host.fork()
    pid = child.hello()["pid"]
    child.order(Method.RUN, run_order("works"))
    processes = pidfds_of(child, 1)
    os.kill(pid, number)
    ended(processes)
