"""hostler state: where a workspace's state, logs, cache and sockets are, and how large they are."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

import click

from hostler.cli.commands.compact import compact
from hostler.cli.daemons.connection import accepts_connections, connect
from hostler.cli.daemons.detached import DAEMON_LOG
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_table
from hostler.cli.terminal.table import Column
from hostler.cli.text.formats import format_size
from hostler.rpc.address import cache_directory, earlier_state_directory, runtime_directory

COLUMNS = (
    Column("WHAT"),
    Column("SIZE", align_right=True),
    Column("PATH"),
    Column("HOLDS", drop_order=1),
)


class Place(NamedTuple):
    """Holds one of the places on the disk."""

    name: str
    path: Path
    holds: str


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="Show where state, logs and cache are.",
)
@target_options()
@click.option("--json", "as_json", is_flag=True, help="Print the paths and sizes as JSON.")
@click.pass_context
def state(ctx: click.Context, *, target: Target, as_json: bool) -> None:
    """Show where the state of a workspace, its logs, the cache and the sockets are.

    The state belongs to the workspace: its daemon finds the same runs on whatever socket it serves.
    No daemon needs to run. With --json, the sizes are in bytes, and null where nothing is there.

    \b
    hostler state
    hostler state -f repos.py --json | jq -r .state.path
    """
    if ctx.invoked_subcommand is not None:
        return
    places = _places(target)
    sizes = {place.name: _size(place.path) for place in places}
    if as_json:
        import json  # most calls do without

        document = {
            place.name: {"path": str(place.path), "bytes": sizes[place.name]} for place in places
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    rows = [
        (place.name.replace("_", " "), _words(sizes[place.name]), str(place.path), place.holds)
        for place in places
    ]
    echo_table(COLUMNS, rows, "no places")
    _name_earlier(target, places[0].path)


state.add_command(compact)


def _places(target: Target) -> list[Place]:
    folder = target.state_path
    if folder is None or accepts_connections(target.socket_path):
        # the daemon itself knows what --state it was given
        with connect(target) as client:
            folder = Path(client.workspace().daemon.state_directory)
    return [
        Place("state", folder, "the record of runs, which locations are stopped"),
        Place("logs", folder / "logs", "what locations printed, a file for each"),
        Place("daemon_log", folder / DAEMON_LOG, "what the daemon said, after hostler up -d"),
        Place("cache", cache_directory(os.environ), "the daemon's code for locations; made anew"),
        Place("runtime", runtime_directory(os.environ), "sockets, and their locks"),
        Place("socket", target.socket_path, "where the daemon serves"),
    ]


def _name_earlier(target: Target, folder: Path) -> None:
    """Names what an earlier version left, which the daemon does not read."""
    earlier = earlier_state_directory(target.socket_path, os.environ)
    if earlier != folder and (earlier / "runs.db").exists():
        say(
            f"an earlier version kept runs in {earlier}, a folder named for the socket; "
            "name it with --state to see them"
        )


def _size(path: Path) -> int | None:
    """Returns the bytes that a file or a folder takes on the disk; None where nothing is there."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return found.st_blocks * 512
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:  # it may vanish, or be closed
        for entry in entries:
            total += _size(path / entry.name) or 0
    return total


def _words(size: int | None) -> str:
    if size is None:
        return "none yet"
    return format_size(size) or "-"
