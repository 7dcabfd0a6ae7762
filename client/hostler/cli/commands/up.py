"""hostler up: run the daemon in this terminal."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import accepts_connections, connect
from hostler.cli.daemons.process import STDERR, DaemonProcess, exit_on_termination
from hostler.cli.daemons.workspace_view import WorkspaceView
from hostler.cli.live.workspace import PlainWorkspaceDisplay
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import is_interactive
from hostler.client.client import Client
from hostler.client.errors import HostlerError

if TYPE_CHECKING:
    from hostler.cli.live.workspace import WorkspaceDisplay

#: Seconds until a watch that broke is tried again, while the daemon is alive.
RETRY_DELAY = 0.5

#: An exit code above it stands for a death by a signal.
_SIGNALED = 128


@click.command(short_help="Run the daemon in this terminal, with a live view.")
@target_options(serving=True)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the daemon keeps what outlives it.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="The format of its log on stderr."
)
def up(*, target: Target, state: Path | None, log_format: str | None) -> int:
    """Run the daemon of the target in this terminal until Ctrl-C.

    On a terminal the locations are shown live, with the daemon's warnings above; otherwise each
    change is a line on stdout. --socket says where to serve. Ctrl-C ends the daemon and all that it
    started, and waits for that. The daemon's exit code is passed on.

    \b
    hostler up
    hostler up -w team.yaml -w mine.yaml
    hostler up -f repos.py
    """
    files = target.workspace_files()
    socket = target.socket_path
    _refuse_second_daemon(target)
    # what the daemon logs at info are changes, which are shown anyway
    options = ["--log-level", "warning"]
    options += ["--state", str(state)] if state else []
    options += ["--log-format", log_format] if log_format else []
    interactive = is_interactive()
    with exit_on_termination():
        daemon = DaemonProcess(
            files, socket, options=options, log=subprocess.PIPE if interactive else STDERR
        )
        _kill_on_second_interrupt(daemon)
        try:
            if not interactive:
                return _run(daemon, socket, PlainWorkspaceDisplay(), history=True)
            # Rich takes 80 ms to import; the daemon starts meanwhile.
            from hostler.cli.live.workspace_table import LiveTable

            with LiveTable(daemon, socket) as display:
                return _run(daemon, socket, display)
        finally:
            daemon.stop()


def _refuse_second_daemon(target: Target) -> None:
    if not accepts_connections(target.socket_path):
        return
    with connect(target) as client:
        pid = client.workspace().daemon.pid
    raise CommandError(
        f"cannot start a daemon for {target.description}: one runs already, with pid {pid}; "
        f"see it with: {target.command('ps')}"
    )


def _run(
    daemon: DaemonProcess, socket: Path, display: WorkspaceDisplay, *, history: bool = False
) -> int:
    """Shows the changes of the workspace until the daemon ends; returns its exit code.

    Args:
        history: begin with the changes from before it served, not with the state by then.
    """
    try:
        if not daemon.wait_ready():
            return daemon.stop() or exits.FAILED
        if history:
            say(f"serving on {socket}")
        view = WorkspaceView()
        with Client(socket) as client:
            while daemon.exit_code is None:
                with contextlib.suppress(HostlerError):  # it is ending, or the watch broke
                    since_start = history and view.revision == 0
                    for change in client.watch(view.revision, history=since_start):
                        view.apply(change)
                        display.show(change)
                daemon.wait(RETRY_DELAY)
    except KeyboardInterrupt:
        display.say("stopping; Ctrl-C again to kill")
        return daemon.stop()
    code = daemon.stop()
    if code > _SIGNALED:
        say(f"the daemon was killed by signal {code - _SIGNALED}, and all that it ran has ended")
    return code


def _kill_on_second_interrupt(daemon: DaemonProcess) -> None:
    """Lets the first Ctrl-C interrupt this process, and the second one kill the daemon.

    An exception in the middle of gRPC's own clean-up would leave it waiting for ever.
    """
    seen: list[int] = []

    def on_interrupt(number: int, _frame: object) -> None:
        seen.append(number)
        if len(seen) == 1:
            raise KeyboardInterrupt
        daemon.kill()

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in the background of a script
        signal.signal(signal.SIGINT, on_interrupt)
