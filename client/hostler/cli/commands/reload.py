"""hostler reload: load the code of locations anew, or show what caused the last load."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.daemons.loads import LOAD_TIMEOUT, report_loads
from hostler.cli.daemons.warnings import warn_of_problems
from hostler.cli.options.scope import locations_argument, no_wait_option
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.output import echo_json, json_option
from hostler.cli.text.formats import format_time, home_relative
from hostler.cli.text.locations import changes_summary, failure_reason, first_and_count, next_retry
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import ReloadLocationsResponse

#: How many files and definitions --why names: all that a person edits, and a part of a checkout.
MOST_FILES, MOST_DEFINITIONS = 20, 100

_WHY = click.option(
    "--why", is_flag=True, help="Load nothing; show which files caused the last reload."
)


@click.command("reload", short_help="Load the code of locations anew.")
@target_options()
@no_wait_option
@_WHY
@json_option
@locations_argument
def reload(
    *, target: Target, no_wait: bool, why: bool, as_json: bool, locations: tuple[str, ...]
) -> int:
    """Load the code of the locations anew, of all where none is named.

    A save does that by itself; this is for what cannot be watched. The last good generation
    answers until the new one is ready, and goes on where that fails. Exit 4 if a load failed.
    A location that was stopped stays so until `hostler start`; exit 4 if it was named.

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
        are_invalid = warn_of_problems(client)
    if as_json:
        echo_json(ReloadLocationsResponse(locations=loaded))
    named = bool(locations)
    code = report_loads(loaded, quiet=as_json, waited=not no_wait, are_named=named)
    return exits.UNHEALTHY if are_invalid else code


def _show_last_reloads(target: Target, names: tuple[str, ...], *, as_json: bool) -> int:
    """Shows which files caused the last load of each location; --json shows all that is known."""
    with connect(target) as client:
        found = [client.location(name) for name in names] if names else client.locations()
    if as_json:
        echo_json(ReloadLocationsResponse(locations=found))
        return exits.OK
    for location in found:
        when = format_time(location.ready_time) if location.serving else "never loaded"
        click.echo(f"{location_id(location.name)}  generation {location.generation}  {when}")
        files = list(map(home_relative, location.last_changes.files))
        for line in first_and_count(files, MOST_FILES):
            click.echo(f"    {line}")
        if not files and location.serving:
            click.echo("    no file: it was started, or a reload was asked for")
        if changed := changes_summary(location.last_changes, MOST_DEFINITIONS):
            click.echo(f"    {changed}")
        if reason := "; ".join(filter(None, (failure_reason(location), next_retry(location)))):
            click.echo(click.style(f"    the newest load failed: {reason}", fg="red"))
    return exits.OK
