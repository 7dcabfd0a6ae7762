"""Debuggers of a run: pdb on the terminal of the command, an editor by debugpy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.command import Shell, Terminal, line_with, shell_in
from e2e.harness import eventually
from e2e.interpreters import interpreters, make_environment

REPOS = """\
import pdb
from hostler.definitions import pipeline, repository, solid


@solid
def stops(context):
    value = 41
    print("printed before")
    breakpoint()
    print("printed", value + 1)
    return value


@solid(timeout=0.5)
def timed(context):
    value = 7
    pdb.set_trace()
    return value


@solid
def fails(context):
    secret = 77
    raise ValueError("wrong")


@solid(timeout=0.5)
def quiet(context):
    value = 5
    return value


@pipeline
def one():
    stops()


@pipeline
def limited():
    timed()


@pipeline
def failing():
    fails()


@pipeline
def peaceful():
    quiet()


@repository
def repo():
    return [one, limited, failing, peaceful]
"""

PROMPT = "(Pdb) "


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path) as shell:
        shell.write("repos.py", REPOS)
        yield shell
        eventually(lambda: not shell.processes(), "nothing is left")
        assert list(shell.tmp.iterdir()) == []


def execute(shell: Shell, *arguments: str, **environ: str) -> Terminal:
    return Terminal(shell, "pipeline", "execute", "-f", "repos.py", *arguments, **environ)


def ask(terminal: Terminal, command: str, answer: str) -> None:
    """Types a command at pdb's prompt, and waits for its answer and the next prompt."""
    begin = len(terminal.screen)
    terminal.type(command + "\n")
    terminal.read_until(lambda text: answer in text[begin:] and text.endswith(PROMPT))


def test_a_breakpoint_opens_pdb_on_the_terminal(shell: Shell) -> None:
    with execute(shell, "one") as terminal:
        screen = terminal.read_until(lambda text: text.endswith(PROMPT))
        assert "| printed before" in screen, "what came before is shown before"
        assert "repos.py(10)stops()" in screen
        ask(terminal, "p value * 2", "82")
        ask(terminal, "value = 50", "")
        ask(terminal, "n", "repos.py(11)stops()")
        begin = len(terminal.screen)
        terminal.ctrl_c()
        terminal.read_until(lambda text: "--KeyboardInterrupt--" in text[begin:])
        terminal.read_until(lambda text: text.endswith(PROMPT))
        terminal.type("c\n")
        assert terminal.end() == 0
        assert "| printed 51" in terminal.screen
        assert "canceling" not in terminal.screen, "Ctrl-C was pdb's"


def test_a_step_that_waits_in_pdb_has_no_time_limit(shell: Shell) -> None:
    with execute(shell, "limited", "--timeout", "2s") as terminal:
        terminal.read_until(lambda text: text.endswith(PROMPT))
        # more than its half a second, and than the run's two
        ask(terminal, "import time; time.sleep(2.5); print('slept')", "slept")
        ask(terminal, "p value", "7")
        terminal.type("c\n")
        assert terminal.end() == 0, terminal.screen


def test_a_failure_opens_pdb_where_that_is_asked_for(shell: Shell) -> None:
    with execute(shell, "failing", "--pdb") as terminal:
        assert "ValueError: wrong" in terminal.read_until(lambda text: text.endswith(PROMPT))
        ask(terminal, "p secret", "77")
        terminal.type("q\n")
        assert terminal.end() == 1
        assert "step fails failed: ValueError: wrong" in terminal.screen


def test_a_run_that_is_killed_in_pdb_gives_the_terminal_back(shell: Shell) -> None:
    with execute(shell, "one") as terminal:
        terminal.read_until(lambda text: text.endswith(PROMPT))
        terminal.type("import os; os.kill(os.getpid(), 9)\n")
        assert terminal.end() == 1
        assert "the run's process died: killed by SIGKILL" in terminal.screen


def test_without_a_terminal_a_breakpoint_is_passed_over_and_says_what_to_use(shell: Shell) -> None:
    done = shell.run("pipeline", "execute", "-f", "repos.py", "one")
    assert done.code == 0
    assert "| printed 42" in done.out
    (warning,) = [line for line in done.out.splitlines() if "WARNING" in line]
    assert "passed over breakpoint() in " in warning
    assert "repos.py:9 in stops" in warning
    assert "--debugpy" in warning
    done = shell.run("pipeline", "execute", "-f", "repos.py", "failing", "--pdb")
    assert done.code == 2
    assert "cannot open pdb without a terminal; attach an editor with --debugpy" in done.err


def test_pythonbreakpoint_is_respected(shell: Shell) -> None:
    with execute(shell, "one", PYTHONBREAKPOINT="0") as terminal:
        assert terminal.end() == 0
        assert PROMPT not in terminal.screen
    shell.write("own.py", "def trace():\n    print('own debugger:', input('own> '))\n")
    with execute(shell, "one", PYTHONBREAKPOINT="own.trace") as terminal:
        terminal.read_until(lambda text: text.endswith("own> "))
        terminal.type("typed\n")
        assert terminal.end() == 0
        assert "own debugger: typed" in terminal.screen


def test_debugpy_that_is_not_installed(shell: Shell) -> None:
    environment(shell)
    done = shell.run("pipeline", "execute", "--debugpy", "one")
    assert done.code == 1
    assert "debugpy is not installed in this location's environment" in done.out
    assert "/venv/bin/python -m pip install debugpy" in done.out


def environment(shell: Shell) -> str:
    """Makes an environment for the location; returns its interpreter."""
    base = interpreters().get("3.11", sys.executable)
    shell.write(
        "workspace.yaml",
        "load_from:\n  - python_environment:\n      executable_path: venv/bin/python\n"
        "      target:\n        python_file: repos.py\n",
    )
    return make_environment(base, shell.folder / "venv")


def has_debugpy(python: str) -> bool:
    """Installs debugpy in an environment; returns whether that can be done here."""
    where = [python, "-c", "import site; print(site.getsitepackages()[0])"]
    site = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", site, "debugpy"]
    return subprocess.run(install, capture_output=True, check=False).returncode == 0


class Editor:
    """Speaks the Debug Adapter Protocol, as an editor does."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._socket.makefile("rb")
        self._count = 0

    def request(self, command: str, **arguments: object) -> None:
        self._count += 1
        message = {"seq": self._count, "type": "request", "command": command}
        body = json.dumps({**message, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def wait(self, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            size = 0
            while line := self._file.readline().strip():
                size = int(line.partition(b":")[2])
            message: dict[str, Any] = json.loads(self._file.read(size))
            if is_wanted(message):
                return message

    def answer(self, command: str) -> dict[str, Any]:
        return self.wait(lambda one: one["type"] == "response" and one["command"] == command)

    def event(self, name: str) -> dict[str, Any]:
        return self.wait(lambda one: one["type"] == "event" and one["event"] == name)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def test_an_editor_attaches_stops_at_its_breakpoint_and_goes_on(shell: Shell) -> None:
    if not has_debugpy(environment(shell)):
        pytest.skip("debugpy cannot be installed here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = shell.start(
        *("pipeline", "execute", "peaceful", "--timeout", "2s", "--debugpy", str(port))
    )
    assert f"127.0.0.1:{port}" in line_with(command, "waits for an editor")
    editor = Editor(port)
    editor.request("initialize", adapterID="test", linesStartAt1=True)
    editor.answer("initialize")
    editor.request("attach", justMyCode=False)
    editor.event("initialized")
    path = str(shell.folder / "repos.py")
    line = REPOS.splitlines().index("    value = 5") + 1
    editor.request("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
    (found,) = editor.answer("setBreakpoints")["body"]["breakpoints"]
    assert found["verified"]
    editor.request("configurationDone")
    thread = editor.event("stopped")["body"]["threadId"]
    editor.request("stackTrace", threadId=thread)
    top = editor.answer("stackTrace")["body"]["stackFrames"][0]
    assert (top["name"], top["line"], top["source"]["path"]) == ("quiet", line, path)
    editor.request("disconnect", terminateDebuggee=False)
    out, err = command.communicate(timeout=60)
    assert command.returncode == 0, out + err
    editor.close()
