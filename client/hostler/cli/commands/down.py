"""hostler down: stop the daemon of a target."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import served_elsewhere, unreachable
from hostler.cli.daemons.process import stop_timeout
from hostler.cli.daemons.reachability import Reach, is_daemon, probe
from hostler.cli.daemons.stopping import RunningDaemon
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.interrupts import exit_on_interrupt
from hostler.cli.terminal.messages import say
from hostler.cli.text.stop_effects import ACTIVE, stop_effects
from hostler.client.client import Client
from hostler.client.errors import HostlerError

if TYPE_CHECKING:
    from hostler.cli.daemons.reachability import Finding

#: Seconds for the questions to a daemon that is about to be stopped.
ASK_TIMEOUT = 3.0

#: Where a daemon may be that can be stopped.
_THERE = (Reach.SERVES, Reach.STARTING, Reach.SILENT)


@click.command(short_help="Stop the daemon.")
@target_options()
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Give up waiting after so many seconds; the daemon goes on ending.  "
    "[default: twice the grace of stops, and 15 s]",
)
@click.option("--kill", is_flag=True, help="Kill it at once, with all that it started.")
def down(*, target: Target, timeout: float | None, kill: bool) -> int:
    """Stop the daemon of the target, however it was started, and wait for its end.

    Runs that are under way are interrupted; queued ones start with the next daemon. Where no daemon
    runs, there is nothing to do: exit 0. Exit 1 where it has not ended at the timeout.

    \b
    hostler down
    hostler down --timeout 60 -w team.yaml
    """
    finding = probe(target.socket_path)
    if finding.reach in {Reach.NO_SOCKET, Reach.ABANDONED}:
        if served_elsewhere(target):
            raise unreachable(target, finding)
        say(f"no daemon runs for {target.description}")
        return exits.OK
    if finding.reach not in _THERE:
        raise unreachable(target, finding)
    exit_on_interrupt()  # the daemon goes on ending
    try:
        _stop(target, finding, timeout, kill=kill)
    except ProcessLookupError:
        say(f"the daemon for {target.description} has just ended")
    return exits.OK


def _stop(target: Target, finding: Finding, timeout: float | None, *, kill: bool) -> None:
    effects = _ask(target, finding, kill=kill)
    if not finding.pid:
        raise CommandError(
            f"cannot find the process that serves on {target.socket_path}: it runs in another "
            "container; stop it there"
        )
    with RunningDaemon(finding.pid) as daemon:
        say(f"{'killing' if kill else 'stopping'} the daemon with pid {daemon.pid}{effects}")
        if daemon.unit:
            say(f"systemd may start it again; stop its unit with: systemctl stop {daemon.unit}")
        daemon.send(signal.SIGKILL if kill else signal.SIGTERM)
        patience = stop_timeout() if timeout is None else timeout
        if not daemon.wait(patience):
            raise CommandError(
                f"cannot wait longer than {patience:g} s for the end of the daemon with pid "
                f"{daemon.pid}; it goes on ending: wait again with {target.command('down')!r}, or "
                f"end it with {target.command('down --kill')!r}"
            )


def _ask(target: Target, finding: Finding, *, kill: bool) -> str:
    """Returns what the stop does to runs; makes sure that the process is a daemon of hostler.

    Raises:
        CommandError: it is another program.
    """
    if finding.reach == Reach.SERVES:
        try:
            with Client(target.socket_path, timeout=ASK_TIMEOUT) as client:
                client.workspace()
                return stop_effects(client.runs(states=ACTIVE))
        except HostlerError:
            pass  # it hangs, or is ending, or is no daemon
    if finding.pid and not is_daemon(finding.pid):
        raise CommandError(
            f"cannot stop what serves on {target.socket_path}: process {finding.pid} is no "
            "daemon of hostler; name another socket with --socket",
            exits.UNREACHABLE,
        )
    if finding.reach == Reach.SILENT and not kill:
        say("it does not answer; if it does not end, kill it with: hostler down --kill")
    return ""
