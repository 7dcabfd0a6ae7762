"""hostler logs, reload, restart, start, stop: what is done with locations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.options.completion import complete_location
from hostler.cli.options.target import Target, target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import say
from hostler.cli.terminal.output import echo_json, exit_on_broken_pipe, json_option
from hostler.cli.text.formats import format_duration, format_time, home_relative, to_seconds
from hostler.cli.text.locations import (
    MOST_NAMED,
    changes_summary,
    failure_output,
    failure_reason,
    first_and_count,
    next_retry,
    say_problems,
    state_name,
)
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import (
    Location,
    LogLine,
    ReloadLocationsResponse,
    RestartLocationsResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A load may take its whole timeout, and wait for its turn before that.
LOAD_TIMEOUT = 600.0

#: What --why names of a reload: all of a person's edits, and enough of a checkout.
MOST_FILES, MOST_DEFINITIONS = 20, 100

_LOCATIONS = click.argument(
    "locations", nargs=-1, metavar="[LOCATION]...", shell_complete=complete_location
)
_LOCATION = click.argument("location", shell_complete=complete_location)
_WHY = click.option(
    "--why", is_flag=True, help="Load nothing; show which files caused the last reload."
)
_NO_WAIT = click.option("--no-wait", is_flag=True, help="Do not wait for the loads to end.")


@click.command(short_help="Show what a location printed.")
@target_options(short_file=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with each new line, until Ctrl-C.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only the last N lines.  [default: all that the daemon holds]",
)
@json_option
@_LOCATION
def logs(*, target: Target, follow: bool, last: int | None, as_json: bool, location: str) -> None:
    """Show what the processes of a location printed: imports, workers and runs.

    Lines of workers and runs bear the process; remarks of the daemon begin with "--".

    \b
    hostler logs etl
    hostler logs -f -n 20 etl
    hostler logs --python-file repos.py repos.py
    """
    if follow:
        exit_on_broken_pipe()
    with connect(target) as client, client.logs(location, last, follow=follow) as lines:
        for line in lines:
            if as_json:
                echo_json(line, compact=True)
            else:
                click.echo(_log_line(line))


def _log_line(line: LogLine) -> str:
    source = f"[{line.role} {line.pid}] " if line.role in {"worker", "run"} else ""
    if line.stream == LogLine.DAEMON:
        return click.style(f"{format_time(line.time)} -- {line.text}", fg="cyan")
    return f"{format_time(line.time)} {source}{line.text}"


@click.command("reload", short_help="Load the code of locations anew.")
@target_options()
@_NO_WAIT
@_WHY
@json_option
@_LOCATIONS
def reload(
    *, target: Target, no_wait: bool, why: bool, as_json: bool, locations: tuple[str, ...]
) -> int:
    """Load the code of the locations anew, of all where none is named.

    A save does that by itself; this is for what cannot be watched. The last good generation
    answers until the new one is ready, and goes on where that fails. Exit 4 if a load failed.

    With --why nothing is loaded: it is shown which files caused the last reload, and what that
    changed in the definitions; and why a newer one failed. Of many some are named; --json has all.

    \b
    hostler reload
    hostler reload etl reports
    hostler reload --why etl
    """
    if why:
        return _show_last_reloads(target, locations, as_json=as_json)
    with connect(target) as client:
        loaded = client.reload(*locations, wait=not no_wait, timeout=LOAD_TIMEOUT)
        are_invalid = say_problems(client)
    if as_json:
        echo_json(ReloadLocationsResponse(locations=loaded))
    code = _report(loaded, quiet=as_json, waited=not no_wait)
    return exits.UNHEALTHY if are_invalid else code


def _show_last_reloads(target: Target, names: tuple[str, ...], *, as_json: bool) -> int:
    """Shows why the locations were loaded last; in JSON all of it."""
    with connect(target) as client:
        found = [client.location(name) for name in names] if names else client.locations()
    if as_json:
        echo_json(ReloadLocationsResponse(locations=found))
        return exits.OK
    for location in found:
        when = format_time(location.ready_time) if location.serving else "never loaded"
        click.echo(f"{location_id(location.name)}  generation {location.generation}  {when}")
        for line in first_and_count(
            list(map(home_relative, location.last_changes.files)), MOST_FILES
        ):
            click.echo(f"    {line}")
        if not location.last_changes.files and location.serving:
            click.echo("    no file: it was started, or a reload was asked for")
        if changed := changes_summary(location.last_changes, MOST_DEFINITIONS):
            click.echo(f"    {changed}")
        if reason := "; ".join(filter(None, (failure_reason(location), next_retry(location)))):
            click.echo(click.style(f"    the newest load failed: {reason}", fg="red"))
    return exits.OK


@click.command(short_help="Replace the processes of locations.")
@target_options()
@_NO_WAIT
@json_option
@_LOCATIONS
def restart(*, target: Target, no_wait: bool, as_json: bool, locations: tuple[str, ...]) -> int:
    """End the processes of the locations, of all where none is named, and start new ones.

    Runs go on; definitions are answered all the while. Exit 4 if a load failed.

    \b
    hostler restart etl
    """
    with connect(target) as client:
        loaded = client.restart(*locations, wait=not no_wait, timeout=LOAD_TIMEOUT)
        are_invalid = say_problems(client)
    if as_json:
        echo_json(RestartLocationsResponse(locations=loaded))
    code = _report(loaded, quiet=as_json, waited=not no_wait)
    return exits.UNHEALTHY if are_invalid else code


@click.command(short_help="Start a location that was stopped.")
@target_options()
@json_option
@_LOCATION
def start(*, target: Target, as_json: bool, location: str) -> int:
    """Start a location that was stopped, and wait for its load. Exit 4 if that failed.

    \b
    hostler start etl
    """
    with connect(target) as client:
        loaded = client.start(location, timeout=LOAD_TIMEOUT)
    if as_json:
        echo_json(loaded)
    return _report([loaded], quiet=as_json, waited=True)


@click.command(short_help="Stop a location.")
@target_options()
@json_option
@_LOCATION
def stop(*, target: Target, as_json: bool, location: str) -> None:
    """End the processes of a location and leave it stopped; its runs go on.

    \b
    hostler stop etl
    """
    with connect(target) as client:
        stopped = client.stop(location)
    if as_json:
        echo_json(stopped)
    else:
        click.echo(f"{location_id(stopped.name)}  {state_name(stopped.state)}")


def _report(locations: Iterable[Location], *, quiet: bool, waited: bool) -> int:
    """One line for each location; the exit code."""
    code = exits.OK
    for location in locations:
        parts = [location_id(location.name), state_name(location.state)]
        if location.state == Location.READY:
            parts.append(f"generation {location.generation}")
            parts.append(f"loaded in {format_duration(to_seconds(location.load_duration))}")
            parts.append(changes_summary(location.last_changes, MOST_NAMED))
        if not quiet:
            click.echo("  ".join(filter(None, parts)))
        if waited and location.HasField("error"):
            code = exits.UNHEALTHY
            click.echo(failure_output(location), err=True)
            say(f"{location_id(location.name)}: {failure_reason(location)}")
    return code
