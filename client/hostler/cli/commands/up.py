"""hostler up: run the daemon in this terminal, or start it in the background."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import await_daemon, connect, served_elsewhere, unreachable
from hostler.cli.daemons.detached import DAEMON_LOG, DetachedDaemon
from hostler.cli.daemons.process import STDERR, DaemonProcess, exit_on_termination
from hostler.cli.daemons.reachability import Reach, probe
from hostler.cli.daemons.workspace_view import WorkspaceView
from hostler.cli.live.workspace import PlainWorkspaceDisplay
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.interrupts import InterruptHandler
from hostler.cli.terminal.messages import say, say_if_slow
from hostler.cli.terminal.output import is_interactive
from hostler.cli.text.stop_effects import ACTIVE, UNDER_WAY, stop_effects
from hostler.client.client import Client
from hostler.client.errors import HostlerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.cli.live.workspace import WorkspaceDisplay
    from hostler.client.stream import Stream
    from hostler.v1.run_pb2 import Run
    from hostler.v1.workspace_pb2 import Workspace, WorkspaceChange

#: Seconds until a watch that broke is tried again, while the daemon is alive.
RETRY_DELAY = 0.5

#: Seconds for the question which runs go on, which Ctrl-C waits for.
ASK_TIMEOUT = 2.0

#: An exit code above it stands for a death by a signal.
_SIGNALED = 128


@click.command(short_help="Run the daemon in this terminal, with a live view.")
@target_options(serving=True, detachable=True)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the daemon keeps what outlives it.  [env: HOSTLER_STATE]",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="The format of its log on stderr."
)
def up(*, target: Target, is_detached: bool, state: Path | None, log_format: str | None) -> int:
    """Run the daemon of the target in this terminal until Ctrl-C.

    On a terminal the locations are shown live, with the daemon's warnings above; ? shows the keys.
    Otherwise each change is a line on stdout. --socket says where to serve. Ctrl-C ends the daemon
    and all that it started, and waits for that; while runs are under way it says first what will
    happen to them, and a second Ctrl-C ends. The daemon's exit code is passed on.

    \b
    hostler up
    hostler up -w team.yaml -w mine.yaml
    hostler up -f repos.py
    hostler up -d
    """
    files = target.workspace_files()
    options = ["--state", str(state)] if state else []
    options += ["--log-format", log_format] if log_format else []
    if is_detached:
        return _detach(target, files, state, options)
    _refuse_second_daemon(target)
    _refuse_other_socket(target, state)
    # what the daemon logs at info are changes, which are shown anyway
    options += ["--log-level", "warning"]
    socket = target.socket_path
    interactive = is_interactive()
    with exit_on_termination():
        log = subprocess.PIPE if interactive else STDERR
        daemon = DaemonProcess(files, socket, options=options, log=log)
        try:
            if not interactive:
                return _Session(daemon, socket, PlainWorkspaceDisplay()).run(is_plain=True)
            from hostler.cli.live.workspace_table import LiveTable  # which scripts do without

            with LiveTable(daemon, socket) as display:
                return _Session(daemon, socket, display).run(is_plain=False)
        finally:
            daemon.stop()


def _detach(
    target: Target, files: Sequence[Path], state: Path | None, options: Sequence[str]
) -> int:
    """Starts the daemon in the background, unless it runs already; says where all is."""
    socket = target.socket_path
    if workspace := _running(target):
        served, wanted = sorted(workspace.files), sorted(str(file.absolute()) for file in files)
        if [Path(each).resolve() for each in served] != [Path(each).resolve() for each in wanted]:
            raise _second_daemon_error(target, workspace.daemon.pid)
        say("the daemon runs already")
        _tell_places(socket, workspace.daemon.pid, Path(workspace.daemon.state_directory))
        return exits.OK
    _refuse_other_socket(target, state)
    state = state or target.state_path
    assert state is not None, "files name the target"
    state = state.absolute()
    log = state / DAEMON_LOG
    with say_if_slow(lambda: f"starting a daemon for {target.description} ..."):
        pid = DetachedDaemon(files, socket.absolute(), log, options).start()
    _tell_places(socket, pid, state)
    return exits.OK


def _running(target: Target) -> Workspace | None:
    """Returns the workspace of the target's daemon, also of one that is starting; or None."""
    finding = probe(target.socket_path)
    if finding.reach in {Reach.NO_SOCKET, Reach.ABANDONED}:
        return None
    if finding.reach == Reach.STARTING:
        await_daemon(target, None)
    with connect(target) as client:
        return client.workspace()


def _tell_places(socket: Path, pid: int, state: Path) -> None:
    click.echo(f"serving  {socket}, pid {pid}")
    click.echo(f"state    {state}")
    click.echo(f"log      {state / DAEMON_LOG}")


def _refuse_second_daemon(target: Target) -> None:
    finding = probe(target.socket_path)
    if finding.reach == Reach.SERVES:
        with connect(target) as client:
            raise _second_daemon_error(target, client.workspace().daemon.pid)
    if finding.reach in {Reach.OTHER_PROTOCOL, Reach.SILENT, Reach.DENIED}:
        raise unreachable(target, finding)


def _refuse_other_socket(target: Target, state: Path | None) -> None:
    """Refuses a second daemon on the workspace's state, which it would find locked."""
    if state is None and (found := served_elsewhere(target)):
        pid, socket = found
        raise CommandError(
            f"cannot start a daemon for {target.description}: one with pid {pid} serves it on "
            f"{socket}, and its state belongs to one daemon at a time; use that one, stop it "
            f"with: hostler down --socket {shlex.quote(socket)}, or name another folder with "
            "--state"
        )


def _second_daemon_error(target: Target, pid: int) -> CommandError:
    return CommandError(
        f"cannot start a daemon for {target.description}: one runs already, with pid {pid}; "
        f"see it with: {target.command('ps')}"
    )


class _Session:
    """Shows what a daemon does, until it ends; Ctrl-C asks it to end, and then kills it."""

    def __init__(self, daemon: DaemonProcess, socket: Path, display: WorkspaceDisplay) -> None:
        self._daemon = daemon
        self._socket = socket
        self._display = display
        self._lock = threading.Lock()
        self._changes: Stream[WorkspaceChange] | None = None
        self._is_stopping = False
        self._has_warned = False
        self._was_killed = False
        self._effects = ""

    def run(self, *, is_plain: bool) -> int:
        """Shows the changes of the workspace until the daemon ends; returns its exit code.

        Args:
            is_plain: say on stderr where it serves, and begin with the changes from before that,
                not with the state by then.
        """
        with InterruptHandler(self._on_interrupt, self._stop):
            if not self._daemon.wait_ready():
                return self._daemon.stop() or (exits.OK if self._is_stopping else exits.FAILED)
            if is_plain:
                say(f"serving on {self._socket}")
            self._watch(since_start=is_plain)
            code = self._daemon.stop()
        if self._is_stopping and not is_plain:  # what the live view leaves on the terminal
            self._display.say(f"stopped{self._effects}")
        if code > _SIGNALED and not self._was_killed:
            number = code - _SIGNALED
            say(f"the daemon was killed by signal {number}, and all that it ran has ended")
        return code

    def _watch(self, *, since_start: bool) -> None:
        view = WorkspaceView()
        with Client(self._socket) as client:
            while self._daemon.exit_code is None and not self._is_stopping:
                with contextlib.suppress(HostlerError):  # it is ending, or the watch broke
                    for change in self._open(client, view.revision, history=since_start):
                        view.apply(change)
                        self._display.show(change)
                if not self._is_stopping:
                    self._daemon.wait(RETRY_DELAY)

    def _open(self, client: Client, revision: int, *, history: bool) -> Stream[WorkspaceChange]:
        with self._lock:
            self._changes = client.watch(revision, history=history and revision == 0)
            if self._is_stopping:
                self._changes.cancel()
            return self._changes

    def _on_interrupt(self, _count: int) -> None:
        if self._is_stopping:
            self._was_killed = True
            self._daemon.kill()
            return
        # nobody answers where a script or a service manager sends the signal
        runs = self._active_runs() if sys.stdin.isatty() else []
        effects = stop_effects(runs)
        if not self._has_warned and any(run.state in UNDER_WAY for run in runs):
            self._has_warned = True
            self._display.say(f"Ctrl-C again to stop{effects}")
            return
        self._effects = effects
        self._display.say(f"stopping{effects}; Ctrl-C again to kill")
        self._stop()

    def _active_runs(self) -> list[Run]:
        with contextlib.suppress(HostlerError), Client(self._socket, timeout=ASK_TIMEOUT) as client:
            return client.runs(states=ACTIVE)
        return []  # it is starting, or hangs

    def _stop(self) -> None:
        """Asks the daemon to end, and ends the watch."""
        with self._lock:
            self._is_stopping = True
            self._daemon.ask_to_stop()
            if self._changes is not None:
                self._changes.cancel()
