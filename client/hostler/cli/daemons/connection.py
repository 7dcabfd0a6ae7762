"""Connecting to the daemon of a target, and ending the command where a call fails."""

from __future__ import annotations

import contextlib
import shlex
import socket as sockets
import time
from typing import TYPE_CHECKING

from hostler.cli.options.target import SOCKET_VARIABLE
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.client import errors
from hostler.client.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hostler.cli.options.target import Target

#: Seconds between two looks for a socket that is not there yet; its folder may not be, either.
_POLL = 0.05

_EXIT_CODES: dict[type[errors.HostlerError], int] = {
    errors.UnreachableError: exits.UNREACHABLE,
    errors.AmbiguousNameError: exits.USAGE,
    errors.NotReadyError: exits.UNHEALTHY,
    errors.LoadFailedError: exits.UNHEALTHY,
    errors.StoppedError: exits.UNHEALTHY,
}


@contextlib.contextmanager
def connect(target: Target) -> Iterator[Client]:
    """Connects to the daemon of a target; a call that fails ends the command.

    Raises:
        CommandError: none runs, or a call fails.
        click.UsageError: none runs, and a file that names the target is missing.
    """
    if not accepts_connections(target.socket_path):
        raise _unreachable(target)
    with command_errors(target), Client(target.socket_path) as client:
        yield client


def await_daemon(target: Target, deadline: float) -> None:
    """Waits until a daemon that is just starting accepts connections, up to a deadline.

    Args:
        target: whose daemon.
        deadline: by `time.monotonic`.
    """
    target.require_files()
    while not accepts_connections(target.socket_path) and time.monotonic() < deadline:
        time.sleep(_POLL)


def accepts_connections(socket: Path) -> bool:
    """Returns whether a process accepts connections on a socket."""
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(socket))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def command_errors(target: Target) -> Iterator[None]:
    """Turns the errors of the client into errors that end the command."""
    try:
        yield
    except errors.UnreachableError as error:
        if error.details.reason:  # the daemon itself has said that it stops
            raise CommandError(str(error), exits.UNREACHABLE) from error
        raise _unreachable(target) from error
    except errors.HostlerError as error:
        code = _EXIT_CODES.get(type(error), exits.FAILED)
        raise CommandError(str(error), code, traceback=error.traceback) from error


def _unreachable(target: Target) -> CommandError:
    target.require_files()
    socket = target.socket_path
    if target.named_by_socket:
        place = f"on {socket}" + ("" if target.options else f", which {SOCKET_VARIABLE} names")
        hint = f"start one there with: hostler up --socket {shlex.quote(str(socket))} -w FILE"
    else:
        place = f"for {target.description} on {socket}"
        hint = f"start one with: {target.command('up')}"
    return CommandError(f"cannot reach a daemon {place}; {hint}", exits.UNREACHABLE)
