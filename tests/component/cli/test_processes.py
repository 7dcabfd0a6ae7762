"""The command as a process: signals, terminals, broken pipes; the daemon is the double."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil
import pytest

from hostler.cli.daemons.connection import accepts_connections
from hostler.cli.options.target_options import target_from_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TESTS = Path(__file__).parents[2]

#: A limit for something that takes a second on an idle machine.
PATIENCE = 30.0

CODE = (
    "import sys; from hostler.cli.daemons import process;"
    "process.HOSTLERD = (sys.executable, '-m', 'component.facade_double.server');"
    "from hostler.cli.main import main; sys.exit(main())"
)


class Workspace:
    """Keeps a folder with a workspace, and the commands that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etl.py").write_text("PIPELINES = {'totals': ['load'], 'long': ['block']}")
        (folder / "workspace.yaml").write_text("load_from: [{python_file: etl.py}]")
        self.environ = {
            **{name: text for name, text in os.environ.items() if name != "HOSTLER_SOCKET"},
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PYTHONPATH": str(TESTS),
        }
        (folder / "run" / "hostler").mkdir(parents=True, mode=0o700)
        self.started: list[subprocess.Popen[str]] = []

    @property
    def socket(self) -> Path:
        return target_from_options({"workspace": [self.folder / "workspace.yaml"]}).socket_path

    def start(
        self,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        out: int = subprocess.PIPE,
        err: int = subprocess.PIPE,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        command = subprocess.Popen(
            [sys.executable, "-c", CODE, *arguments],
            cwd=self.folder,
            env={**self.environ, **(environ or {})},
            stdin=stdin,
            stdout=out,
            stderr=err,
            text=True,
        )
        self.started.append(command)
        return command

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.start(*arguments)
        out, err = command.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(arguments, command.returncode, out, err)

    def close(self) -> None:
        for command in self.started:
            command.kill()
            command.wait()
            for stream in (command.stdout, command.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    workspace = Workspace(tmp_path)
    yield workspace
    workspace.close()


@pytest.fixture
def tmp() -> Iterator[Path]:
    """Makes a folder for temporary files whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="hostler-test-", dir="/tmp") as folder:
        yield Path(folder)


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        select.select([], [], [], 0.02)


def line_with(stream: IO[str] | None, part: str) -> str:
    """Returns the next line of a stream that contains a part."""
    assert stream is not None
    lines = []
    for line in stream:
        if part in line:
            return line
        lines.append(line)
    pytest.fail(f"no line with {part!r} in {lines}")


def daemon_of(command: subprocess.Popen[str]) -> psutil.Process:
    (daemon,) = psutil.Process(command.pid).children()
    return daemon


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_up_serves_until_ctrl_c(workspace: Workspace) -> None:
    up = workspace.start("up")
    assert "etl STARTING -> READY; generation 1" in line_with(up.stdout, "etl")
    daemon = daemon_of(up)
    assert workspace.run("ps").stdout.splitlines()[1].startswith("etl ")
    assert workspace.run("stop", "etl").returncode == 0
    line_with(up.stdout, "etl READY -> STOPPED; a stop was asked for")

    second = workspace.run("up")
    assert second.returncode == 1
    assert f"one runs already, with pid {daemon.pid}" in second.stderr
    assert workspace.run("ps").returncode == 0

    up.send_signal(signal.SIGINT)
    out, err = up.communicate(timeout=PATIENCE)
    assert (up.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert gone(daemon)
    assert workspace.run("ps").returncode == 3


def test_up_of_a_file_is_met_by_other_commands_on_that_file(workspace: Workspace) -> None:
    up = workspace.start("up", "-f", "etl.py")
    line_with(up.stdout, "etl STARTING -> READY")
    assert workspace.run("ps", "-f", "etl.py").returncode == 0
    assert workspace.run("ps").returncode == 3
    up.terminate()
    assert up.wait(PATIENCE) == 128 + signal.SIGTERM


def test_up_passes_the_daemons_exit_code_on(workspace: Workspace) -> None:
    (workspace.folder / "workspace.yaml").write_text("load_from: [")
    up = workspace.run("up")
    assert up.returncode == 1
    assert "cannot read the workspace" in up.stderr
    assert "Traceback" not in up.stderr


def test_up_ends_when_the_daemon_does(workspace: Workspace) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    daemon_of(up).kill()
    assert up.wait(PATIENCE) == 128 + signal.SIGKILL


def test_the_daemon_ends_when_up_is_killed(workspace: Workspace) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    daemon = daemon_of(up)
    up.kill()
    up.wait()
    eventually(lambda: gone(daemon), "the daemon's end")
    assert not accepts_connections(workspace.socket)


def test_ctrl_c_cancels_the_run(workspace: Workspace) -> None:
    execute = workspace.start("pipeline", "execute", "long")
    line_with(execute.stdout, "block")
    daemon = daemon_of(execute)
    execute.send_signal(signal.SIGINT)
    out, err = execute.communicate(timeout=PATIENCE)
    assert execute.returncode == 1
    assert "canceled: asked" in out
    assert "canceling run 1; Ctrl-C again to kill it" in err
    assert "Traceback" not in err
    assert gone(daemon)


def test_a_private_daemon_ends_when_the_command_is_killed(workspace: Workspace, tmp: Path) -> None:
    workspace.environ["TMPDIR"] = str(tmp)
    execute = workspace.start("pipeline", "execute", "long")
    line_with(execute.stdout, "block")
    daemon = daemon_of(execute)
    execute.kill()
    execute.wait()
    eventually(lambda: gone(daemon), "the daemon's end")
    assert len(list(tmp.iterdir())) == 1
    assert workspace.run("pipeline", "list").returncode == 0
    assert list(tmp.iterdir()) == []


def test_a_private_daemon_and_its_folder_end_with_sigterm(workspace: Workspace, tmp: Path) -> None:
    execute = workspace.start("pipeline", "execute", "long", environ={"TMPDIR": str(tmp)})
    line_with(execute.stdout, "block")
    assert [path.stat().st_mode & 0o777 for path in tmp.iterdir()] == [0o700]
    daemon = daemon_of(execute)
    execute.terminate()
    assert execute.wait(PATIENCE) == 128 + signal.SIGTERM
    assert gone(daemon)
    assert list(tmp.iterdir()) == []


def test_ctrl_c_leaves_a_run_that_is_only_watched(workspace: Workspace) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    execute = workspace.start("pipeline", "execute", "long")
    line_with(execute.stdout, "block")
    watch = workspace.start("run", "watch", "1")
    line_with(watch.stdout, "block")
    watch.send_signal(signal.SIGINT)
    _, err = watch.communicate(timeout=PATIENCE)
    assert watch.returncode == 130
    assert err == "hostler: run 1 goes on; see: hostler run watch 1\n"
    assert "RUNNING" in workspace.run("run", "list").stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_run_of_a_daemon_that_goes_on(
    workspace: Workspace, number: signal.Signals
) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    execute = workspace.start("pipeline", "execute", "long")
    line_with(execute.stdout, "block")
    execute.send_signal(number)
    _, err = execute.communicate(timeout=PATIENCE)
    assert execute.returncode == 128 + number
    assert err.endswith("hostler: run 1 goes on; see: hostler run watch 1\n")
    assert "RUNNING" in workspace.run("run", "list").stdout


@pytest.mark.parametrize("command", [("run", "watch"), ("run", "watch", "--json")])
def test_a_terminal_that_is_closed_ends_what_is_watched(
    workspace: Workspace, command: tuple[str, ...]
) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    execute = workspace.start("pipeline", "execute", "long")
    line_with(execute.stdout, "block")
    ours, theirs = pty.openpty()
    watch = workspace.start(*command, "1", stdin=theirs, out=theirs, err=theirs)
    os.close(theirs)
    shown = b""
    while b"block" not in shown:
        shown += os.read(ours, 65536)
    os.close(ours)
    watch.send_signal(signal.SIGHUP)
    assert watch.wait(PATIENCE) in (1, 128 + signal.SIGHUP), "1 if it was just drawing"


def test_a_signal_ends_a_command_whose_daemon_does_not_answer(workspace: Workspace) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    execute = workspace.start("pipeline", "execute", "long")
    line_with(execute.stdout, "block")
    daemon = daemon_of(up)
    daemon.suspend()
    try:
        execute.send_signal(signal.SIGTERM)
        assert execute.wait(PATIENCE) == 128 + signal.SIGTERM
    finally:
        daemon.resume()


def test_a_reader_that_goes_away_is_no_error(workspace: Workspace) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    events = workspace.start("events")
    line_with(events.stdout, "etl")
    assert events.stdout is not None
    events.stdout.close()
    assert events.stderr is not None
    assert events.stderr.read() == ""
    assert events.wait(PATIENCE) == -signal.SIGPIPE


def terminal(workspace: Workspace, *arguments: str, **environ: str) -> str:
    """Returns what a command draws on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    try:
        environ = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environ}
        command = workspace.start(*arguments, stdin=theirs, out=theirs, environ=environ)
        os.close(theirs)
        theirs = -1
        drawn = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not part:
                break
            drawn += part
        assert command.wait(PATIENCE) == 0
        return drawn.decode()
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def test_colours_on_a_terminal_and_none_where_they_are_not_wanted(workspace: Workspace) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    assert "\x1b[32mREADY" in terminal(workspace, "ps")
    assert "\x1b" not in terminal(workspace, "ps", NO_COLOR="1")


def test_progress_on_a_terminal_and_plain_lines_where_it_is_not_wanted(
    workspace: Workspace,
) -> None:
    up = workspace.start("up")
    line_with(up.stdout, "etl STARTING -> READY")
    drawn = terminal(workspace, "pipeline", "execute", "totals")
    assert "hello from load" in drawn
    assert "\x1b[" in drawn
    drawn = terminal(workspace, "pipeline", "execute", "totals", NO_COLOR="1")
    assert "hello from load" in drawn
    assert "\x1b" not in drawn


def test_the_live_view(workspace: Workspace) -> None:
    ours, theirs = pty.openpty()
    environ = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    up = workspace.start("up", stdin=theirs, out=theirs, environ=environ)
    os.close(theirs)
    drawn = b""
    interrupted = False
    while True:
        try:
            drawn += os.read(ours, 65536)
        except OSError:
            break
        if not interrupted and b"READY" in drawn:
            interrupted = True
            up.send_signal(signal.SIGINT)
    os.close(ours)
    assert up.wait(PATIENCE) == 0
    text = drawn.decode()
    assert "LOCATION" in text
    assert "Ctrl-C ends; serving on /" in text
