"""hostler start: start a location that was stopped."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.daemons.loads import LOAD_TIMEOUT, report_loads
from hostler.cli.options.scope import location_argument
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, json_option


@click.command(short_help="Start a location that was stopped.")
@target_options()
@json_option
@location_argument
def start(*, target: Target, as_json: bool, location: str) -> int:
    """Start a location that was stopped, and wait for its load. Exit 4 if that failed.

    \b
    hostler start etl
    """
    with connect(target) as client:
        loaded = client.start(location, timeout=LOAD_TIMEOUT)
    if as_json:
        echo_json(loaded)
    return report_loads([loaded], quiet=as_json, waited=True)
