"""hostler wait: wait until locations are ready."""

from __future__ import annotations

import time

import click

from hostler.cli.daemons.connection import await_daemon, connect
from hostler.cli.daemons.warnings import warn_of_problems
from hostler.cli.daemons.workspace_view import WorkspaceView
from hostler.cli.options.scope import locations_argument
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.messages import say
from hostler.cli.text.locations import (
    failure_output,
    failure_reason,
    state_name,
    unknown_location_error,
)
from hostler.client.errors import DeadlineError
from hostler.client.names import location_id, location_name
from hostler.v1.workspace_pb2 import Location

#: States at which the wait ends: a load has failed, or none will come.
_STUCK = (Location.FAILED, Location.BACKOFF, Location.STOPPED)


@click.command(short_help="Wait until locations are ready.")
@target_options()
@click.option("--timeout", type=float, metavar="S", help="Give up after so many seconds.")
@locations_argument
def wait(*, target: Target, timeout: float | None, locations: tuple[str, ...]) -> int:
    """Wait until the locations are READY, all of them where none is named.

    A daemon that is just starting is waited for: up to the timeout, and without one for 10 s until
    there is a sign of it.

    Exit 4 as soon as one has failed (FAILED, or BACKOFF before its next try) or is STOPPED, at the
    timeout, and where the workspace files have become invalid; which and why is said on stderr.

    \b
    hostler up & hostler wait
    hostler wait --timeout 30 etl reports
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    names = [location_name(location) for location in locations]
    view = WorkspaceView()
    await_daemon(target, timeout)
    with connect(target) as client:
        left: list[Location] = []
        try:
            left_time = None if deadline is None else max(deadline - time.monotonic(), 0.1)
            for change in client.watch(timeout=left_time):
                view.apply(change)
                left = _not_ready(view, names)
                if not left:
                    return exits.UNHEALTHY if warn_of_problems(client) else exits.OK
                if any(location.state in _STUCK for location in left):
                    break
        except DeadlineError:
            if deadline is None or time.monotonic() < deadline - 1:
                raise
            say(f"gave up after {timeout:g} s")
    for location in left:
        _report(location)
    return exits.UNHEALTHY


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
