"""hostler events: show what has happened in the workspace, then what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, exit_on_broken_pipe, json_option
from hostler.cli.text.changes import change_lines
from hostler.client.errors import DeadlineError

if TYPE_CHECKING:
    from hostler.client.client import Client
    from hostler.v1.workspace_pb2 import WorkspaceChange


#: Seconds in which the past changes come: they are in the daemon's memory.
HISTORY_TIMEOUT = 5.0


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
