"""hostler ps: show the locations and their states."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, json_option, terminal_width
from hostler.cli.text.location_table import location_lines
from hostler.cli.text.problems import LAST_VALID_SERVES, problem_text
from hostler.v1.workspace_pb2 import Location


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
        lines = location_lines(workspace.locations, terminal_width(), verbose=verbose)
        click.echo("\n".join(lines))
    for problem in workspace.problems:
        say(problem_text(problem))
    if workspace.problems:
        say(LAST_VALID_SERVES)
    healthy = all(location.state == Location.READY for location in workspace.locations)
    return exits.UNHEALTHY if exit_code and not healthy else exits.OK
