"""hostler.host.fitness in processes of their own, under each interpreter."""

from __future__ import annotations

import os
import subprocess
import textwrap
from pathlib import Path

import pytest
from e2e.interpreters import interpreters

LOCATION = Path(__file__).parents[3] / "location"
INTERPRETERS = interpreters()

PREFACE = """\
import ctypes, os, sys, threading, time
from hostler.host import fitness

libc = ctypes.CDLL(None)
birth = fitness.Birth({0, 1, 2}, is_fork=False)


def native_thread():
    thread = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)


def unfit():
    return birth.unfit_reasons()

"""


@pytest.fixture(params=INTERPRETERS)
def python(request: pytest.FixtureRequest) -> str:
    return INTERPRETERS[request.param]


def check(python: str, script: str) -> None:
    """Runs a script, which asserts."""
    environ = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    done = subprocess.run(
        [python, "-B", "-c", PREFACE + textwrap.dedent(script)],
        env={**environ, "PYTHONPATH": str(LOCATION)},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_threads_are_counted_while_they_run(python: str) -> None:
    script = """
        import _thread
        assert unfit() == [], unfit()
        event = threading.Event()
        threads = [threading.Thread(target=event.wait, daemon=True) for _ in range(2)]
        threads[0].start()
        assert unfit() == ["1 Python thread after import"], unfit()
        threads[1].start()
        assert unfit() == ["2 Python threads after import"], unfit()
        event.set()
        for thread in threads:
            thread.join()
        assert unfit() == [], unfit()
        lock = _thread.allocate_lock()
        lock.acquire()
        _thread.start_new_thread(lambda: lock.acquire(), ())  # threading knows nothing of it
        while len(sys._current_frames()) == 1:
            pass
        assert unfit() == ["1 Python thread after import"], unfit()
    """
    check(python, script)


def test_native_threads_count_whatever_was_imported(python: str) -> None:
    script = """
        native_thread()
        assert unfit() == ["1 native thread after import"], unfit()
        native_thread()
        sys.modules["numpy"] = sys
        assert unfit() == ["2 native threads after import"], unfit()
    """
    check(python, script)


def test_descriptors_that_a_child_would_share_are_named_once(python: str) -> None:
    script = """
        import select, socket
        first = socket.socket()
        birth = fitness.Birth({0, 1, 2, first.fileno()}, is_fork=False)
        assert unfit() == [], unfit()
        kept = socket.socket(), *socket.socketpair(), select.epoll()
        expected = ["an open eventpoll after import", "an open socket after import"]
        assert unfit() == expected, unfit()
        for each in kept:
            each.close()
        assert unfit() == [], unfit()
        ends = os.pipe()
        assert unfit() == ["an open pipe after import"], unfit()
        os.close(ends[0]), os.close(ends[1])
        table = open("/proc/self/comm", "w")
        assert unfit() == ["an open file (/proc/%d/comm) after import" % os.getpid()], unfit()
    """
    check(python, script)


def test_a_file_that_is_read_has_a_position_of_its_own_in_a_fork(python: str) -> None:
    script = """
        import tempfile
        made, name = tempfile.mkstemp()
        os.write(made, b"0123456789")
        os.close(made)
        opened = os.open(name, os.O_RDONLY)
        os.unlink(name)
        assert unfit() == [], unfit()
        os.read(opened, 2)
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                fitness.reopen({0, 1, 2})
                os._exit(0 if os.read(opened, 20) == b"23456789" else 1)
            assert os.waitpid(pid, 0)[1] == 0
        assert os.read(opened, 1) == b"2"
    """
    check(python, script)
