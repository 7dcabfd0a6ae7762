"""hostler.host.forks in processes of its own, under each interpreter."""

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
import ctypes, errno, os, sys, threading, time
from hostler.host import forks

libc = ctypes.CDLL(None)
libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what the keeper is


def reaped():
    pid, status = os.wait()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def native_thread():
    thread = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)

"""


@pytest.fixture(params=INTERPRETERS)
def python(request: pytest.FixtureRequest) -> str:
    return INTERPRETERS[request.param]


def check(python: str, script: str) -> str:
    """Runs a script, which asserts; returns its stderr."""
    environ = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    done = subprocess.run(
        [python, "-W", "error", "-B", "-c", PREFACE + textwrap.dedent(script)],
        env={**environ, "PYTHONPATH": str(LOCATION)},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def test_the_child_belongs_to_the_keeper_and_keeps_its_exit_status(python: str) -> None:
    script = """
        forks.fork_process(lambda: os._exit(7))
        assert reaped() == 7
        forks.fork_process(lambda: os.kill(os.getpid(), 9))
        assert reaped() == -9
        forks.fork_process(lambda: None)
        assert reaped() == 0
        try:
            os.wait()
        except ChildProcessError:
            pass
        else:
            raise AssertionError("the process between is still there")
    """
    check(python, script)


def test_a_child_that_raises_says_so_and_does_not_go_on_as_its_parent(python: str) -> None:
    script = """
        me = os.getpid()
        forks.fork_process(lambda: 1 // 0)
        assert os.getpid() == me
        assert reaped() == 70
        forks.fork_process(lambda: os.close(999))
        assert reaped() == 70
    """
    stderr = check(python, script)
    assert "ZeroDivisionError" in stderr
    assert "Bad file descriptor" in stderr


def test_the_system_s_refusal_is_told(python: str) -> None:
    """The refusal of the first fork and, from the process between the two, of the second."""
    script = """
        fork = os.fork
        for refused in (1, 2):
            tries = []

            def refusing():
                tries.append(1)
                if len(tries) == refused:
                    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                return fork()

            os.fork = refusing
            try:
                forks.fork_process(lambda: os._exit(0))
            except OSError as error:
                assert error.errno == errno.EAGAIN, error
            else:
                raise AssertionError("nothing was told of %d" % refused)
    """
    check(python, script)


def test_a_canary_that_meets_a_lock_is_killed_and_told_of(python: str) -> None:
    script = """
        import logging
        native_thread()
        forks.CANARY_SECONDS = 0.2
        os.register_at_fork(after_in_child=libc.pause)
        before = os.listdir("/proc/self/fd")
        assert not forks.canary_survives()
        assert os.listdir("/proc/self/fd") == before
        try:
            os.wait()
        except ChildProcessError:
            pass
        else:
            raise AssertionError("the canary was not reaped")
    """
    check(python, script)
