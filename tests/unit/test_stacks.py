"""Where a process is, as Python's faulthandler tells it; each dump here is a real one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostler.daemon.stacks import Stack, StackFrame
from hostler.host.wire import STACK_SIGNAL

#: Told by a main thread that waits in `hold`, of `held.py`, while another one waits elsewhere.
HELD = """\
import faulthandler, os, threading
faulthandler.register({signal}, file=2, all_threads=True)
go = threading.Lock()
go.acquire()
def elsewhere():
    go.acquire()
def hold(depth):
    if depth:
        hold(depth - 1)
    else:
        os.kill(os.getpid(), {signal})
threading.Thread(target=elsewhere, daemon=True).start()
hold({depth})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "größe"
    folder.mkdir()
    return folder


def dump(folder: Path, depth: int) -> list[str]:
    path = folder / "held.py"
    path.write_text(HELD.format(signal=STACK_SIGNAL, depth=depth))
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    return run.stderr.splitlines()


def stack_of(lines: list[str]) -> Stack:
    stack = Stack()
    assert [line for line in lines if not stack.take(line)] == []
    return stack


def test_the_main_thread_is_the_one_that_counts(folder: Path) -> None:
    stack = stack_of(dump(folder, depth=1))
    assert [(frame.line, frame.function) for frame in stack.frames] == [
        (11, "hold"),
        (9, "hold"),
        (13, "<module>"),
    ]


def test_the_innermost_call_of_a_known_file(folder: Path) -> None:
    stack = stack_of(dump(folder, depth=0))
    found = stack.innermost({str(folder / "held.py")})
    assert found is not None
    assert (found.line, found.function) == (11, "hold")
    assert stack.innermost({"/elsewhere.py"}) == found


def test_a_stack_that_is_too_deep_to_be_told_whole(folder: Path) -> None:
    stack = stack_of(dump(folder, depth=200))
    assert {frame.function for frame in stack.frames} == {"hold"}


def test_lines_that_are_none_of_a_stack() -> None:
    stack = Stack()
    texts = ["", "  ...", '  File "a.py", line 3 in work', "Thread safety is hard", "printed"]
    assert [stack.take(text) for text in texts] == [False] * 5
    assert stack.frames == []
    assert stack.innermost({"a.py"}) is None


def test_frames_of_ours_and_of_imports_are_left_out() -> None:
    hostler = "/run/hostler/host"
    stack = stack_of(
        [
            "Current thread 0x00007f1142284b80 (most recent call first):",
            '  File "/usr/lib/python3.11/socket.py", line 706 in readinto',
            '  File "/team/etl/repos.py", line 2 in <module>',
            '  File "<frozen importlib._bootstrap>", line 241 in _call_with_frames_removed',
            f'  File "{hostler}/loading.py", line 40 in load',
        ]
    )
    before = stack.is_whole
    assert stack.take(f'  File "{hostler}/bootstrap.py", line 61 in <module>')
    assert (before, stack.is_whole) == (False, True)
    assert stack.frames == [
        StackFrame("/usr/lib/python3.11/socket.py", 706, "readinto"),
        StackFrame("/team/etl/repos.py", 2, "<module>"),
    ]
    assert str(stack.innermost({"/team/etl/repos.py"})) == "/team/etl/repos.py:2 in <module>"


def test_what_is_printed_between_is_left_to_others() -> None:
    stack = Stack()
    assert stack.take("Current thread 0x00007f1142284b80 (most recent call first):")
    assert not stack.take("printed by another thread")
    assert stack.take(f'  File "{os.sep}a.py", line 1 in work')
