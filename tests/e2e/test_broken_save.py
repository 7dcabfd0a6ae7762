"""A broken save: the last good generation answers, the error is shown, the repair heals."""

import threading
from pathlib import Path
from typing import Self

import pytest
from e2e.harness import Daemon, daemon_in, eventually
from e2e.interpreters import interpreters

from hostler.client import Client, HostlerError
from hostler.v1 import workspace_pb2

BROKEN = {
    "syntax": ("def broken(:\n", "SyntaxError", "FAILED"),
    "name": ("undefined_name\n", "NameError", "BACKOFF"),
    "exit": ("import os\nos._exit(3)\n", "exit code 3", "BACKOFF"),
    "abort": ("import os\nos.abort()\n", "SIGABRT", "BACKOFF"),
}

OLDEST_AND_NEWEST = sorted({*list(interpreters())[:1], *list(interpreters())[-1:]})


class Readers:
    """Reads definitions in threads all the while, and keeps the errors."""

    def __init__(self, daemon: Daemon, count: int = 2) -> None:
        self.faults: list[str] = []
        self.reads = 0
        self._daemon = daemon
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        with Client(self._daemon.socket) as client:
            while not self._stop.is_set():
                try:
                    client.pipeline("repos.py", "repo", "first")
                except HostlerError as error:
                    self.faults.append(repr(error))
                self.reads += 1


def with_error(daemon: Daemon, text: str) -> workspace_pb2.Location:
    def check() -> workspace_pb2.Location | None:
        found = daemon.client.location("repos.py")
        shown = found.error.message + found.error.exception.type
        return found if text in shown else None

    return eventually(check, f"an error with {text}")


def start(daemon: Daemon, source: str, settings: str = "") -> None:
    daemon.write("repos.py", source.format(name="first"))
    entry = "  - python_file:\n      relative_path: repos.py\n" + settings
    daemon.workspace.write_text("load_from:\n" + entry)
    daemon.start().ready("repos.py")


@pytest.mark.parametrize("kind", BROKEN)
def test_the_last_good_one_answers_and_the_repair_heals(
    daemon: Daemon, source: str, kind: str
) -> None:
    code, shown, state = BROKEN[kind]
    start(daemon, source)
    path = daemon.folder / "repos.py"
    with Readers(daemon) as readers:
        path.write_text("print('before the end')\n" + code)
        failed = with_error(daemon, shown)
        assert workspace_pb2.Location.State.Name(failed.state) in (state, "RELOADING")
        assert failed.serving
        assert failed.generation == 1
        if failed.error.HasField("exception"):
            assert str(path) in failed.error.exception.traceback
        else:
            assert list(failed.error.output) == ["before the end"]
        path.write_text(source.format(name="first") + "\n# repaired\n")
        healed = daemon.ready("repos.py", generation=2)
    assert not healed.HasField("error")
    assert readers.reads
    assert not readers.faults


def test_an_endless_loop_ends_at_the_load_timeout(daemon: Daemon, source: str) -> None:
    start(daemon, source, "      load_timeout: 1\n")
    path = daemon.folder / "repos.py"
    with Readers(daemon) as readers:
        path.write_text("while True:\n    pass\n")
        failed = with_error(daemon, "within 1 s")
        assert failed.serving
        assert f"it was at {path}:" in failed.error.message
        assert failed.error.source.file == str(path)
        assert failed.error.source.line in (1, 2)
        path.write_text(source.format(name="first") + "\n# repaired\n")
        daemon.ready("repos.py", generation=2)
    assert not readers.faults


HELD = """\
import sys, threading
def hold():
    lock = threading.Lock()
    lock.acquire()
    print("held")
    print("42/100", end="", file=sys.stderr, flush=True)
    lock.acquire()
"""

#: What a load may have done with the signal that asks for its stack.
ODD_ANSWERS = {
    "none": "signal.pthread_sigmask(signal.SIG_BLOCK, [50])",
    "its end": "signal.signal(50, signal.SIG_DFL)",
    "a fake": """\
FRAME = '  File "x", line %s in f\\n'
FAKE = "Thread 0x1 (most recent call first):\\n" + FRAME % 99999999999 + FRAME % ("9" * 5000)
def answer(*_):
    sys.stderr.write(FAKE + FRAME % 7)
signal.signal(50, answer)""",
}


@pytest.mark.parametrize("version", OLDEST_AND_NEWEST)
def test_where_a_load_hangs_is_told(tmp_path: Path, source: str, version: str) -> None:
    """The stack is shown also from a call that executes no Python code."""
    with daemon_in(tmp_path) as daemon:
        helper = daemon.write("helper.py", HELD)
        path = daemon.write("repos.py", source.format(name="first"))
        daemon.workspace.write_text(f"""\
load_from:
  - python_environment:
      executable_path: {interpreters()[version]}
      load_timeout: 1
      target: {{python_file: repos.py}}
""")
        daemon.start().ready("repos.py")
        for number in range(2):
            path.write_text("import helper\nhelper.hold()\n")
            failed = with_error(daemon, f"it was at {helper}:7 in hold")
            assert failed.error.source.line == 7
            assert sorted(failed.error.output[:2]) == ["42/100", "held"]
            assert list(failed.error.output[2:]) == [
                "where it was, the innermost call first:",
                f"  {helper}:7 in hold",
                f"  {path}:2 in <module>",
            ]
            path.write_text(source.format(name=f"repaired_{number}"))
            daemon.ready("repos.py", generation=2 + number)


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_a_load_that_hangs_and_answers_oddly(daemon: Daemon, source: str, answer: str) -> None:
    start(daemon, source, "      load_timeout: 1\n")
    path = daemon.folder / "repos.py"
    for number in range(2):  # the first one is a new interpreter, or a fork
        path.write_text(f"import signal, sys, time\n{ODD_ANSWERS[answer]}\ntime.sleep(1000)\n")
        failed = with_error(daemon, "the load did not end within 1 s")
        assert failed.serving
        path.write_text(source.format(name=f"repaired_{number}"))
        daemon.ready("repos.py", generation=2 + number)


def test_a_loop_is_given_up_when_it_is_repaired(daemon: Daemon, source: str) -> None:
    start(daemon, source)  # with the load timeout of 60 s
    path = daemon.folder / "repos.py"
    path.write_text("print('looping')\nwhile True:\n    pass\n")
    eventually(lambda: any(line.text == "looping" for line in daemon.client.logs("repos.py")))
    path.write_text(source.format(name="repaired"))
    eventually(lambda: daemon.pipelines("repos.py") == ["repaired"], timeout=10)


SLOW_RUN = """\
import threading
from hostler.definitions import pipeline, repository, solid


@solid
def waits(context):
    context.log.info("under way")
    import os, time
    while not os.path.exists("go"):
        time.sleep(0.01)
    return 1


@solid
def fails(context):
    raise ValueError("the text of generation one")


@pipeline
def first():
    waits()


@pipeline
def failing():
    fails()


@repository
def repo():
    return [first, failing]
"""


def test_a_run_that_is_under_way_goes_on(daemon: Daemon) -> None:
    start(daemon, SLOW_RUN)
    run = daemon.client.launch("first", location="repos.py", repository="repo").name
    with daemon.client.watch_run(run) as events:
        for event in events:
            if event.log_message.message == "under way":
                break
    daemon.write("repos.py", "def broken(:\n")
    with_error(daemon, "SyntaxError")
    daemon.write("go", "")
    for event in daemon.client.watch_run(run):
        last = event
    assert last.HasField("run_succeeded")


def test_tracebacks_show_the_source_that_was_loaded(daemon: Daemon) -> None:
    start(daemon, SLOW_RUN)
    daemon.write("repos.py", "def broken(:\n" * 40)
    with_error(daemon, "SyntaxError")
    execution = daemon.client.execute("failing", location="repos.py", repository="repo")
    (failure,) = [each.run_failed.failure for each in execution if each.HasField("run_failed")]
    assert 'raise ValueError("the text of generation one")' in failure.exception.traceback
    assert "def broken" not in failure.exception.traceback


def test_a_location_that_never_loaded_says_why(daemon: Daemon) -> None:
    daemon.write("repos.py", "import missing_library\n")
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start()
    with_error(daemon, "ModuleNotFoundError")
    with pytest.raises(HostlerError) as caught:
        daemon.client.pipelines("repos.py")
    assert caught.value.details.reason == "LOAD_FAILED"
    assert "No module named 'missing_library'" in (caught.value.traceback or "")


def test_back_off_tries_again_by_itself(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, source: str
) -> None:
    with daemon_in(tmp_path, restart_first_delay="0.05") as daemon:
        # below the project, a change is what is tried again for
        condition = tmp_path_factory.mktemp("outside") / "condition"
        code = f"import os\nassert os.path.exists({str(condition)!r})\n"
        daemon.write("repos.py", code + source.format(name="first"))
        daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
        daemon.start()
        with_error(daemon, "AssertionError")
        condition.touch()
        assert daemon.ready("repos.py").restarts == 0, "no process that served was lost"
