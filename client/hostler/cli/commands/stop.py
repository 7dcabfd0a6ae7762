"""hostler stop: end the processes of a location, and leave it stopped."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.options.scope import location_argument
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, json_option
from hostler.cli.text.locations import state_name
from hostler.client.names import location_id


@click.command(short_help="Stop a location.")
@target_options()
@json_option
@location_argument
def stop(*, target: Target, as_json: bool, location: str) -> None:
    """End the processes of a location and leave it stopped until `hostler start`.

    It stays stopped through reloads, saves and a restart of the daemon. Its runs go on.

    \b
    hostler stop etl
    """
    with connect(target) as client:
        stopped = client.stop(location)
    if as_json:
        echo_json(stopped)
    else:
        click.echo(f"{location_id(stopped.name)}  {state_name(stopped.state)}")
