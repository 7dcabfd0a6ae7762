"""hostler logs: show what the processes of locations printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.daemons.merged_logs import Entry, MergedLogs
from hostler.cli.options.completion import complete_run
from hostler.cli.options.scope import locations_argument
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.options.times import parse_time
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, exit_on_broken_pipe, json_option
from hostler.cli.text.log_lines import Prefixes, log_line
from hostler.cli.text.run_events import PRINTS, run_event_lines
from hostler.client.names import location_id, location_name, run_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hostler.client.client import Client
    from hostler.v1.run_pb2 import Run, RunEvent


@click.command(short_help="Show what locations printed.")
@target_options(short_file=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with each new line, until Ctrl-C.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    help="Only the last N lines.  [default: all that the daemon holds]",
)
@click.option(
    "--since",
    metavar="TIME",
    callback=parse_time,
    help="Only lines since: 2h, 30s, '2026-11-22 14:03'.",
)
@click.option(
    "--run",
    "run_name",
    metavar="RUN",
    shell_complete=complete_run,
    help="What a run printed and logged, from its record; a beginning of its id will do.",
)
@json_option
@locations_argument
def logs(
    *,
    target: Target,
    follow: bool,
    last: int | None,
    since: datetime | None,
    run_name: str | None,
    as_json: bool,
    locations: tuple[str, ...],
) -> None:
    """Show what the processes of locations printed: imports, workers and runs.

    Of several locations, and of all where none is named, the lines come by time, each with its
    location. Lines of workers and runs bear the process; remarks of the daemon begin with "--".
    The daemon holds the last 100 kB of each location; older lines are in files: hostler state.

    \b
    hostler logs
    hostler logs -f -n 20 etl reports
    hostler logs --since 10m
    hostler logs --run RUN
    hostler logs --python-file repos.py repos.py
    """
    if run_name is not None and locations:
        raise click.UsageError("cannot take --run and a location together; a run names its own")
    if follow:
        exit_on_broken_pipe()
    with connect(target) as client:
        if run_name is not None:
            run = client.run(run_name)
            _show_run(client, run, last, since, follow=follow, as_json=as_json)
            return
        printer = _Printer(client, locations, as_json=as_json)
        printer.show_held(last, since)
        if follow:
            printer.follow()


class _Printer:
    """Prints the logs of the locations of a command line."""

    def __init__(self, client: Client, locations: tuple[str, ...], *, as_json: bool) -> None:
        self._names = [location_name(each) for each in locations]
        there = self._names or [location.name for location in client.locations()]
        self._merged = MergedLogs(client, there, all_names=not locations)
        self._prefixes = Prefixes(there) if len(self._names) != 1 else None
        self._as_json = as_json

    def show_held(self, last: int | None, since: datetime | None) -> None:
        """Prints what the daemon holds, and says so where that is nothing."""
        held = self._merged.held()
        lines = held
        if since is not None:
            begin = since.timestamp() * 1e9
            lines = [entry for entry in held if entry.nanoseconds >= begin]
        if last is not None:
            lines = lines[-last:] if last else []
        for entry in lines:
            self._print(entry)
        who = ", ".join(map(location_id, self._names)) or "no location"
        if not held:
            has = "has" if len(self._names) < 2 else "have"
            nothing = "anything" if not self._names else "nothing"
            say(
                f"{who} {has} printed {nothing} since the daemon's start; see why one does not "
                "load with hostler ps -v, and what a run does with hostler run watch RUN"
            )
        elif since is not None and not lines:
            say(f"no line since {since:%Y-%m-%d %H:%M:%S}, and {len(held)} before")

    def follow(self) -> None:
        """Prints each new line."""
        for entry in self._merged.follow():
            self._print(entry)

    def _print(self, entry: Entry) -> None:
        if not self._as_json:
            prefix = self._prefixes(entry.location) if self._prefixes else ""
            click.echo(prefix + log_line(entry.line))
        elif self._prefixes is None:
            echo_json(entry.line, compact=True)
        else:
            import json

            from google.protobuf.json_format import MessageToDict

            document = {"location": location_id(entry.location), **MessageToDict(entry.line)}
            click.echo(json.dumps(document, ensure_ascii=False))


def _show_run(
    client: Client,
    run: Run,
    last: int | None,
    since: datetime | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    """Prints what a run's record has of what its code printed and logged."""
    past = [
        event
        for event in _recorded(client, run)
        if event.WhichOneof("event") in PRINTS and _is_since(event, since)
    ]
    for event in past if last is None else past[-last:] if last else []:
        _print_event(event, as_json=as_json)
    if follow:
        with client.watch_run(run.name, run.last_sequence) as events:
            for event in events:
                if event.WhichOneof("event") in PRINTS:
                    _print_event(event, as_json=as_json)
    elif not past:
        name = run_id(run.name)
        say(f"run {name} has printed nothing; see all its events with: hostler run watch {name}")


def _recorded(client: Client, run: Run) -> Iterator[RunEvent]:
    """Yields the events that the run had when it was asked for."""
    if not run.last_sequence:
        return
    with client.watch_run(run.name) as events:
        for event in events:
            yield event
            if event.sequence >= run.last_sequence:
                return


def _is_since(event: RunEvent, since: datetime | None) -> bool:
    return since is None or event.time.seconds + event.time.nanos / 1e9 >= since.timestamp()


def _print_event(event: RunEvent, *, as_json: bool) -> None:
    if as_json:
        echo_json(event, compact=True)
        return
    for line in run_event_lines(event):
        click.echo(line)
