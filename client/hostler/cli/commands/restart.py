"""hostler restart: replace the processes of locations."""

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
from hostler.v1.workspace_pb2 import RestartLocationsResponse


@click.command(short_help="Replace the processes of locations.")
@target_options()
@no_wait_option
@json_option
@locations_argument
def restart(*, target: Target, no_wait: bool, as_json: bool, locations: tuple[str, ...]) -> int:
    """End the processes of the locations, of all where none is named, and start new ones.

    Runs go on; definitions are answered all the while. Exit 4 if a load failed. A location that was
    stopped stays so until `hostler start`; exit 4 if it was named.

    \b
    hostler restart etl
    """
    with connect(target) as client:
        loaded = client.restart(*locations, wait=not no_wait, timeout=LOAD_TIMEOUT)
        are_invalid = warn_of_problems(client)
    if as_json:
        echo_json(RestartLocationsResponse(locations=loaded))
    named = bool(locations)
    code = report_loads(loaded, quiet=as_json, waited=not no_wait, are_named=named)
    return exits.UNHEALTHY if are_invalid else code
