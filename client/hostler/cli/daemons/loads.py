"""Loads of locations: waiting for them, and reporting how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.workspace_view import WorkspaceView, pending
from hostler.cli.terminal import exits
from hostler.cli.terminal.messages import say, say_if_slow
from hostler.cli.text.formats import format_duration, to_seconds
from hostler.cli.text.locations import (
    MOST_NAMED,
    changes_summary,
    failure_output,
    failure_reason,
    state_name,
)
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostler.client.client import Client

#: A load may take its whole timeout, and wait for its turn before that.
LOAD_TIMEOUT = 600.0


def await_loaded(
    client: Client,
    names: list[str] | None = None,
    *,
    timeout: float | None = None,
    each: Callable[[Location], None] | None = None,
) -> list[Location]:
    """Waits until each location has loaded once or failed.

    Args:
        client: to the daemon.
        names: wait for these only; for all of the workspace where none is given.
        timeout: seconds; DeadlineError after them.
        each: called with a location when it has loaded or failed.

    Returns:
        All locations as they are then, in the order of the workspace file.
    """
    view = WorkspaceView()
    told: set[str] = set()

    def concerned() -> list[Location]:
        return [location for name, location in view.locations.items() if not names or name in names]

    def waiting() -> str:
        left = ", ".join(location_id(location.name) for location in pending(concerned()))
        return f"waiting for {left} to load ..." if left else ""

    with client.watch(timeout=timeout) as changes, say_if_slow(waiting):
        for change in changes:
            view.apply(change)
            left = pending(concerned())
            for location in concerned():
                if each is not None and location not in left and location.name not in told:
                    told.add(location.name)
                    each(location)
            if not left:
                break
    return list(view.locations.values())


def report_loads(
    locations: Iterable[Location], *, quiet: bool, waited: bool, are_named: bool = True
) -> int:
    """Prints a line for each location, and its error where it has one; returns the exit code.

    Args:
        are_named: whether the user has named the locations: one that stays stopped is then not what
            was asked for.
    """
    code = exits.OK
    for location in locations:
        parts = [location_id(location.name), state_name(location.state)]
        if location.state == Location.READY:
            parts.append(f"generation {location.generation}")
            parts.append(f"loaded in {format_duration(to_seconds(location.load_duration))}")
            parts.append(changes_summary(location.last_changes, MOST_NAMED))
        if not quiet:
            click.echo("  ".join(filter(None, parts)))
        if location.state == Location.STOPPED:
            name = location_id(location.name)
            say(f"{name} was stopped and stays so; start it with: hostler start {name}")
            code = exits.UNHEALTHY if are_named else code
        if waited and location.HasField("error"):
            code = exits.UNHEALTHY
            click.echo(failure_output(location), err=True)
            say(f"{location_id(location.name)}: {failure_reason(location)}")
    return code
