"""Connecting to the daemon of a target, and ending the command where a call fails."""

from __future__ import annotations

import contextlib
import shlex
import time
from typing import TYPE_CHECKING

from hostler.cli.daemons.process import READY_TIMEOUT
from hostler.cli.daemons.reachability import Finding, Reach, daemon_of_state, probe
from hostler.cli.options.target import SOCKET_VARIABLE
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say_if_slow
from hostler.client import errors
from hostler.client.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hostler.cli.options.target import Target

_EXIT_CODES: dict[type[errors.HostlerError], int] = {
    errors.UnreachableError: exits.UNREACHABLE,
    errors.AmbiguousNameError: exits.USAGE,
    errors.NotReadyError: exits.UNHEALTHY,
    errors.LoadFailedError: exits.UNHEALTHY,
    errors.StoppedError: exits.UNHEALTHY,
}

#: Seconds for a daemon that starts just now to leave a first sign: that takes the start of an
#: interpreter, also on a machine where many start.
START_PATIENCE = 10.0

#: Seconds between two looks for it.
POLL = 0.05

#: What a daemon that starts goes through.
_PASSING = (Reach.NO_SOCKET, Reach.ABANDONED, Reach.STARTING)


@contextlib.contextmanager
def connect(target: Target) -> Iterator[Client]:
    """Connects to the daemon of a target; a call that fails ends the command.

    Raises:
        CommandError: none runs, or a call fails.
        click.UsageError: none runs, and a file that names the target is missing.
    """
    finding = probe(target.socket_path)
    if finding.reach != Reach.SERVES:
        raise unreachable(target, finding)
    with command_errors(target), Client(target.socket_path) as client:
        yield client


def await_daemon(target: Target, timeout: float | None) -> None:
    """Waits for a daemon that starts just now, as in `hostler up & hostler wait`.

    Args:
        target: whose daemon it is.
        timeout: seconds; None for START_PATIENCE until there is a sign of it, and READY_TIMEOUT
            from then on.

    Raises:
        CommandError: it does not serve by then, or what is there is no daemon.
        click.UsageError: a file that names the target is missing.
    """
    target.require_files()
    begin = time.monotonic()
    with say_if_slow(lambda: f"waiting for a daemon on {target.socket_path} ..."):
        while (finding := probe(target.socket_path)).reach != Reach.SERVES:
            patience = timeout
            if patience is None:
                is_starting = finding.reach == Reach.STARTING
                patience = READY_TIMEOUT if is_starting else START_PATIENCE
            if finding.reach not in _PASSING or time.monotonic() - begin >= patience:
                raise unreachable(target, finding)
            time.sleep(POLL)


def accepts_connections(socket: Path) -> bool:
    """Returns whether a daemon, or another process, has the socket and accepts connections."""
    finding = probe(socket, timeout=1.0)
    return finding.reach in {Reach.SERVES, Reach.OTHER_PROTOCOL, Reach.SILENT}


@contextlib.contextmanager
def command_errors(target: Target) -> Iterator[None]:
    """Turns the errors of the client into errors that end the command."""
    try:
        yield
    except errors.UnreachableError as error:
        if error.details.reason:  # the daemon itself has said that it stops
            raise CommandError(str(error), exits.UNREACHABLE) from error
        raise unreachable(target, probe(target.socket_path)) from error
    except errors.HostlerError as error:
        code = _EXIT_CODES.get(type(error), exits.FAILED)
        raise CommandError(str(error), code, traceback=error.traceback) from error


def unreachable(target: Target, finding: Finding) -> CommandError:
    """Returns the error for a daemon that cannot be reached: where, why, and what to do."""
    if finding.reach in {Reach.NO_SOCKET, Reach.ABANDONED}:
        target.require_files()
    socket = target.socket_path
    if target.named_by_socket:
        place = f"on {socket}" + ("" if target.options else f", which {SOCKET_VARIABLE} names")
        hint = f"start one there with: hostler up --socket {shlex.quote(str(socket))} -w FILE"
    else:
        place = f"for {target.description} on {socket}"
        hint = f"start one with: {target.command('up')}"
    why, hint = finding.why or "it has just ended", finding.remedy or hint
    if finding.reach == Reach.STARTING:
        hint = f"wait for it with: {target.command('wait')}"
    elif finding.reach == Reach.NO_SOCKET and (found := served_elsewhere(target)):
        pid, other = found
        why = f"one with pid {pid} serves it on another socket"
        hint = f"name that with --socket {shlex.quote(other)}"
    return CommandError(f"cannot reach a daemon {place}: {why}; {hint}", exits.UNREACHABLE)


def served_elsewhere(target: Target) -> tuple[int, str] | None:
    """Returns the pid and the socket of a daemon that serves the target on another socket."""
    state = None if target.named_by_socket else target.state_path
    return daemon_of_state(state) if state is not None else None
