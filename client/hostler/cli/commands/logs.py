"""hostler logs: show what the processes of a location printed."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.options.scope import location_argument
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.output import echo_json, exit_on_broken_pipe, json_option
from hostler.cli.text.formats import format_time
from hostler.v1.workspace_pb2 import LogLine


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
@location_argument
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
