"""hostler ps, events, wait: the workspace as a whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.daemons.workspace_view import WorkspaceView
from hostler.cli.options.completion import complete_location
from hostler.cli.options.target import Target, target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import say
from hostler.cli.terminal.output import echo_json, exit_on_broken_pipe, json_option, terminal_width
from hostler.cli.text.locations import (
    LAST_VALID_SERVES,
    change_lines,
    failure_output,
    failure_reason,
    location_lines,
    problem_text,
    say_problems,
    state_name,
    unknown_location_error,
)
from hostler.client.errors import DeadlineError
from hostler.client.names import location_id, location_name
from hostler.v1.workspace_pb2 import Location, WorkspaceChange

if TYPE_CHECKING:
    from hostler.client.client import Client

#: Seconds in which the past changes come: they are in the daemon's memory.
HISTORY_TIMEOUT = 5.0


@click.command(short_help="Show the locations and their states.")
@target_options()
@click.option("-v", "--verbose", is_flag=True, help="With tracebacks, last output and settings.")
@click.option("--exit-code", is_flag=True, help="Exit 4 unless every location is READY.")
@json_option
def ps(*, target: Target, verbose: bool, exit_code: bool, as_json: bool) -> int:
    """Show the locations: state, generation, who answers, interpreter, process.

    SERVING is "yes" where the newest code answers, "old" where the last good generation does while
    the newer one loads or has failed, and "no" where none does. What is too wide for the terminal
    is left out, the interpreter's path first; -v shows all.

    \b
    hostler ps
    hostler ps -v -w team.yaml
    hostler ps --json | jq -r '.locations[] | select(.state != "READY") | .name'
    """
    with connect(target) as client:
        workspace = client.workspace()
    if as_json:
        echo_json(workspace)
    elif not workspace.locations:
        say("no locations")
    else:
        for line in location_lines(workspace.locations, terminal_width(), verbose=verbose):
            click.echo(line)
    for problem in workspace.problems:
        say(problem_text(problem))
    if workspace.problems:
        say(LAST_VALID_SERVES)
    healthy = all(location.state == Location.READY for location in workspace.locations)
    return exits.UNHEALTHY if exit_code and not healthy else exits.OK


@click.command(short_help="Show what has happened, then what happens.")
@target_options()
@click.option("--follow/--no-follow", default=True, help="Go on until Ctrl-C.  [default: --follow]")
@json_option
def events(*, target: Target, follow: bool, as_json: bool) -> None:
    """Show the changes of the locations: those that the daemon still has, then each new one.

    \b
    hostler events
    hostler events --no-follow
    hostler events --json | jq -r 'select(.location.state == "FAILED") | .location.name'
    """
    with connect(target) as client:
        if not follow:
            _print_history(client, as_json=as_json)
            return
        exit_on_broken_pipe()
        with client.watch(history=True) as changes:
            for change in changes:
                _print_change(change, as_json=as_json)


def _print_history(client: Client, *, as_json: bool) -> None:
    revision = client.workspace().revision
    if not revision:
        return
    try:
        for change in client.watch(history=True, timeout=HISTORY_TIMEOUT):
            _print_change(change, as_json=as_json)
            if change.revision >= revision:
                return
    except DeadlineError:
        return  # the newest revision had no change of its own; all that there was is printed


def _print_change(change: WorkspaceChange, *, as_json: bool) -> None:
    if as_json:
        echo_json(change, compact=True)
        return
    for line in change_lines(change):
        click.echo(line)


@click.command(short_help="Wait until locations are ready.")
@target_options()
@click.option("--timeout", type=float, metavar="S", help="Give up after so many seconds.")
@click.argument("locations", nargs=-1, metavar="[LOCATION]...", shell_complete=complete_location)
def wait(*, target: Target, timeout: float | None, locations: tuple[str, ...]) -> int:
    """Wait until the locations are READY, all of them where none is named.

    Exit 4 as soon as one has failed (FAILED, or BACKOFF before its next try) or is STOPPED, at the
    timeout, and where the workspace files have become invalid; which and why is said on stderr.

    \b
    hostler wait
    hostler wait --timeout 30 etl reports
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    names = [location_name(location) for location in locations]
    view = WorkspaceView()
    with connect(target) as client:
        left: list[Location] = []
        try:
            for change in client.watch(timeout=timeout):
                view.apply(change)
                left = _not_ready(view, names)
                if not left:
                    return exits.UNHEALTHY if say_problems(client) else exits.OK
                if any(location.state in _STUCK for location in left):
                    break
        except DeadlineError:
            if deadline is None or time.monotonic() < deadline - 1:
                raise
            say(f"gave up after {timeout:g} s")
    for location in left:
        _report(location)
    return exits.UNHEALTHY


_STUCK = (Location.FAILED, Location.BACKOFF, Location.STOPPED)


def _not_ready(view: WorkspaceView, names: list[str]) -> list[Location]:
    unknown = [name for name in names if name not in view.locations]
    if unknown:
        raise unknown_location_error(unknown[0], view.locations)
    return [
        location
        for name, location in view.locations.items()
        if (not names or name in names) and location.state != Location.READY
    ]


def _report(location: Location) -> None:
    reason = failure_reason(location)
    text = f"{location_id(location.name)} is {state_name(location.state)}"
    say(f"{text}: {reason}" if reason else text)
    if output := failure_output(location):
        click.echo(output, err=True)
