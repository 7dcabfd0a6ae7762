"""hostler up: the daemon in a terminal and in a pipe."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Shell, Terminal, interrupt, line_with, shell_in
from e2e.harness import PATIENCE, eventually

SOURCE = """\
from hostler.definitions import pipeline, solid


@solid
def one():
    return 1


@pipeline
def p():
    one()
"""


WORKSPACE = "load_from:\n  - python_file: repos.py\n"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Makes a folder with a workspace of one location; asserts that a test leaves nothing."""
    with shell_in(tmp_path) as shell:
        shell.write("repos.py", SOURCE)
        shell.write("workspace.yaml", WORKSPACE)
        yield shell
        eventually(lambda: not shell.processes(), "nothing is left")
        assert list((shell.folder / "run").rglob("*.sock")) == []


def up(shell: Shell, *arguments: str) -> "subprocess.Popen[str]":
    """Starts an `up` in a pipe; returns it once its location is loaded."""
    started = shell.start("up", *arguments)
    line_with(started, "repos.py STARTING -> READY; generation 1; + ")
    return started


def test_in_a_pipe_each_change_is_a_line(shell: Shell) -> None:
    started = up(shell)
    shell.write("repos.py", SOURCE + "broken(\n")
    line = line_with(started, "FAILED")
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3} repos\.py RELOADING -> FAILED; ", line)
    assert "SyntaxError: '(' was never closed (" in line
    assert line.rstrip().endswith("generation 1 answers")
    ended = interrupt(started)
    assert ended.code == 0
    assert "hostler: stopping; Ctrl-C again to kill" in ended.err
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.out + ended.err


def test_on_a_terminal_the_locations_are_live(shell: Shell) -> None:
    with Terminal(shell, "up") as terminal:
        terminal.read_until(lambda screen: re.search(r"repos\.py\s+\x1b\[32mREADY", screen))
        assert re.search(r"LOCATION +STATE +GEN +SERVING", terminal.screen)
        assert f"Ctrl-C ends; serving on {shell.folder}/run/hostler/" in terminal.screen
        shell.write("repos.py", SOURCE + "broken(\n")
        terminal.read_until(lambda screen: re.search(r"repos\.py\s+\x1b\[31mFAILED", screen))
        terminal.read_until(lambda screen: "SyntaxError: '(' was never closed (" in screen)
        shell.write("workspace.yaml", "load_form: []\n")
        terminal.read_until(lambda screen: "the last valid workspace goes on" in screen)
        assert f"{shell.folder}/workspace.yaml:1:1: " in terminal.screen
        terminal.ctrl_c()
        assert terminal.end() == 0
        assert "\x1b[?25h" in terminal.screen, "the cursor is back"
    assert shell.processes() == []


HOLDING = """\
import time
from pathlib import Path
from hostler.definitions import pipeline, solid

print("a line of the import")


@solid
def hold():
    while not Path("go").exists():
        time.sleep(0.01)


@pipeline
def holding():
    hold()
"""


def test_the_keys_of_the_live_view(shell: Shell) -> None:
    shell.write("bad.py", "import nothing_here\n")
    shell.write("workspace.yaml", WORKSPACE + "  - python_file: bad.py\n")
    shell.write("repos.py", HOLDING)
    with Terminal(shell, "up") as terminal:
        terminal.read_until(lambda screen: re.search(r"> repos\.py\s+\x1b\[32mREADY", screen))
        terminal.read_until(lambda screen: "nothing_here" in screen)
        terminal.press(b"l")
        terminal.read_until(lambda screen: "a line of the import" in screen)
        terminal.press(b"\x1b[B\r")
        terminal.read_until(lambda screen: re.search(r"> bad\.py", screen))
        terminal.read_until(lambda screen: "-- bad.py failed" in screen)
        assert "Traceback" in terminal.screen
        terminal.press(b"?")
        terminal.read_until(lambda screen: "choose a location" in screen)
        terminal.press(b"\x1b")
        terminal.press(b"\x1b[Ar")
        terminal.read_until(lambda screen: re.search(r"> repos\.py +\S+READY\S+ +2 +yes", screen))
        terminal.resize(20, 60)
        terminal.read_until(lambda screen: "LOCATION" in screen)
        assert "INTERPRETER" not in terminal.screen
        terminal.resize(50, 200)
        terminal.read_until(lambda screen: "INTERPRETER" in screen)
        terminal.press(b"q")
        assert terminal.end() == 0
        last = terminal.screen.rpartition("LOCATION")[2]
        assert re.search(r"repos\.py\s+\S+READY", last), "the last state is left"
        assert last.rstrip().endswith("\x1b[?25h")
        assert "stopped" in last


def test_ctrl_c_while_runs_go_on(shell: Shell) -> None:
    shell.write("repos.py", HOLDING)
    with Terminal(shell, "up") as terminal:
        terminal.read_until(lambda screen: "READY" in screen)
        run = shell.run("pipeline", "launch", "holding").out.strip()
        terminal.read_until(lambda screen: re.search(rf"{run[:8]} +holding .*RUNNING", screen))
        terminal.ctrl_c()
        warned = (
            f"Ctrl-C again to stop: 1 run under way is interrupted and not continued ({run[:8]})"
        )
        terminal.read_until(lambda screen: warned in screen)
        assert shell.run("run", "show", run[:6]).code == 0, "nothing was stopped"
        terminal.ctrl_c()
        assert terminal.end() == 0
        assert f"stopped: 1 run under way is interrupted and not continued ({run[:8]})" in (
            terminal.screen
        )


def test_a_signal_does_not_ask(shell: Shell) -> None:
    shell.write("repos.py", HOLDING)
    for number, code in ((signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)):
        started = up(shell)
        shell.run("pipeline", "launch", "holding")
        started.send_signal(number)
        started.communicate(timeout=PATIENCE)
        assert started.returncode == code


def test_no_live_view_where_it_is_not_wanted(shell: Shell) -> None:
    with Terminal(shell, "up", NO_COLOR="1") as terminal:
        terminal.read_until(lambda screen: "STARTING -> READY" in screen)
        terminal.ctrl_c()
        assert terminal.end() == 0
        assert "\x1b" not in terminal.screen


def test_every_command_finds_it_by_its_target(shell: Shell) -> None:
    started = up(shell, "-f", "repos.py")
    assert "READY" in shell.run("ps", "-f", "repos.py").out
    (shell.folder / "below").mkdir()
    elsewhere = shell.run("ps", "-f", "../repos.py", cwd=shell.folder / "below")
    assert "READY" in elsewhere.out
    assert shell.run("ps").code == 3, "that is another target"
    started.terminate()
    assert started.wait(PATIENCE) == 128 + signal.SIGTERM


def test_a_second_one_is_refused(shell: Shell) -> None:
    started = up(shell)
    done = shell.run("up")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        r"hostler: cannot start a daemon for workspace\.yaml: one runs already, with pid \d+; "
        r"see it with: hostler ps\n",
        done.err,
    )
    pid = re.search(r"pid (\d+)", done.err)
    assert pid is not None
    assert any(line.startswith(f"{pid[1]} ") for line in shell.processes())
    assert shell.run("wait").code == 0, "the first one is not disturbed"
    interrupt(started)


def test_kill_9_of_the_command_ends_the_daemon(shell: Shell) -> None:
    started = up(shell)
    assert len(shell.processes()) >= 4, "command, daemon, keeper, location"
    started.kill()
    started.wait()
    eventually(lambda: not shell.processes(), "nothing is left")
    assert shell.run("ps").code == 3


def test_a_workspace_that_is_wrong(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from: 3\n")
    done = shell.run("up")
    assert (done.code, done.out) == (2, "")
    assert f"{shell.folder}/workspace.yaml:1:12: " in done.err
    assert "Traceback" not in done.err


def test_two_interrupts_at_once_end_it(shell: Shell) -> None:
    started = up(shell)
    for _ in range(2):
        started.send_signal(signal.SIGINT)
    started.communicate(timeout=PATIENCE)
    assert started.returncode is not None
    interrupt(up(shell))  # it serves where one that was killed has left its socket


def test_an_edit_that_is_not_valid_is_no_green_light(shell: Shell) -> None:
    started = up(shell)
    shell.write("workspace.yaml", "load_form: []\n")
    line_with(started, "not valid")
    for command in (("wait",), ("reload", "repos.py")):
        outcome = shell.run(*command)
        assert outcome.code == 4
        assert "did you mean `load_from`" in outcome.err
    shell.write("workspace.yaml", WORKSPACE)
    line_with(started, "the workspace files are valid again")
    assert shell.run("wait").code == 0
    interrupt(started)


def test_an_execution_of_the_last_good_one_says_so(shell: Shell) -> None:
    started = up(shell)
    shell.write("repos.py", SOURCE + "broken(\n")
    line_with(started, "FAILED")
    outcome = shell.run("pipeline", "execute", "p")
    assert outcome.code == 0
    assert "the newest code does not load, generation 1 answers" in outcome.err
    interrupt(started)
