"""hostler state compact: gives the room of deleted runs back to the disk."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, json_option
from hostler.cli.text.formats import format_size


@click.command(short_help="Give the room of deleted runs back to the disk.")
@target_options()
@json_option
def compact(*, target: Target, as_json: bool) -> None:
    """Write the record of runs anew, without the room that deleted runs have left.

    Runs and reads go on meanwhile; what runs say waits, and so do launches. The disk needs as much
    room again as the record has. A record that was begun by this version gives room back by itself.

    \b
    hostler state compact
    hostler state compact --socket /run/hostler/d.sock
    """
    with connect(target) as client:
        done = client.compact_record()
    if as_json:
        echo_json(done)
    else:
        before, after = format_size(done.bytes_before), format_size(done.bytes_after)
        click.echo(f"the record of runs has {after}; it had {before}")
