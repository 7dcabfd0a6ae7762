"""The stack of a process, as Python's faulthandler writes it; each dump here is a real one."""

import subprocess
import sys
from pathlib import Path

import pytest

from hostler.daemon.loading.stacks import Stack, StackFrame
from hostler.host.wire import STACK_SIGNAL

#: From a process whose main thread waits in `pause` of `held.py`, while another thread waits too.
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


OWN = "/run/hostler"
THREAD = "Current thread 0x00007f1142284b80 (most recent call first):"


def frame(file: str, line: int, function: str) -> str:
    return f'  File "{file}", line {line} in {function}'


def stack_of(lines: list[str]) -> Stack:
    stack = Stack(OWN)
    assert [line for line in lines if stack.filter_line(line) is not None] == []
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


def test_a_path_is_as_it_was(folder: Path) -> None:
    stack = stack_of(dump(folder, depth=0))
    assert {one.file for one in stack.frames} == {str(folder / "held.py")}
    odd = stack_of([THREAD, frame(r"/a\udce4/\U0001f600/\d\Uffffffff.py", 1, "work")])
    assert [one.file for one in odd.frames] == ["/a\udce4/\U0001f600/\\d\\Uffffffff.py"]


def test_lines_that_are_none_of_a_stack() -> None:
    stack = Stack(OWN)
    texts = ["", "  ...", "...", frame("a.py", 3, "work"), "Thread safety is hard", "printed"]
    assert [stack.filter_line(text) for text in texts] == texts
    assert stack.frames == []
    assert stack.innermost({"a.py"}) is None


def test_frames_of_ours_and_of_imports_are_left_out() -> None:
    stack = stack_of(
        [
            THREAD,
            frame("/usr/lib/python3.11/socket.py", 706, "readinto"),
            frame("/team/hostler/definitions/repos.py", 2, "<module>"),
            frame("<frozen importlib._bootstrap>", 241, "_call_with_frames_removed"),
            frame(f"{OWN}/host/loading.py", 40, "load"),
        ]
    )
    before = stack.is_whole
    assert stack.filter_line(frame(f"{OWN}/host/bootstrap.py", 61, "<module>")) is None
    assert (before, stack.is_whole) == (False, True)
    assert stack.frames == [
        StackFrame("/usr/lib/python3.11/socket.py", 706, "readinto"),
        StackFrame("/team/hostler/definitions/repos.py", 2, "<module>"),
    ]
    found = stack.innermost({"/team/hostler/definitions/repos.py"})
    assert str(found) == "/team/hostler/definitions/repos.py:2 in <module>"


def test_what_is_printed_meanwhile_is_left_to_others() -> None:
    stack = Stack(OWN)
    assert stack.filter_line(f"loaded 42/100{THREAD}") == "loaded 42/100"
    assert stack.filter_line("printed by another thread") == "printed by another thread"
    assert stack.filter_line(frame("/a.py", 1, "work")) is None
    assert len(stack.frames) == 1


def test_of_too_many_threads_the_main_one_is_not_told() -> None:
    stack = stack_of([THREAD, frame("/a.py", 1, "work"), "..."])
    assert stack.innermost({"/a.py"}) is None


@pytest.mark.parametrize("line", ["99999999999", "9" * 5000, "x"])
def test_a_frame_that_cannot_be(line: str) -> None:
    text = f'  File "/a.py", line {line} in work'
    stack = stack_of([THREAD])
    assert stack.filter_line(text) == text
    assert stack.frames == []


def test_what_goes_on_without_end_is_not_kept() -> None:
    stack = stack_of([THREAD, *[frame("/a.py", 1, "work")] * 100_000])
    assert len(stack.frames) == 100
