"""hostler run: list, show, watch, retry, cancel and delete runs."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.live.run import PATIENCE, follow_run
from hostler.cli.options.completion import complete_run
from hostler.cli.options.run_filter import RunFilter, run_filter_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, echo_table, json_option, terminal_width
from hostler.cli.text.runs import COLUMNS, run_lines, run_row, short_ids
from hostler.client.errors import AmbiguousNameError, NotFoundError, PreconditionError
from hostler.client.names import run_id
from hostler.v1.run_pb2 import ListRunsResponse, Run

#: How many runs a list shows by default: more than a screen, less than a flood.
LAST = 100

_RUN = click.argument("run_name", metavar="RUN", shell_complete=complete_run)


@click.group(cls=Group)
def run() -> None:
    """List, show, watch, retry, cancel and delete runs.

    RUN is the id of a run, or a beginning of it that no other run has.
    """


@run.command("list", short_help="List the runs, newest first.")
@target_options()
@run_filter_options
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    default=LAST,
    show_default=True,
    help="Only the N newest ones; 0 for all.",
)
@json_option
def list_runs(*, target: Target, run_filter: RunFilter, last: int, as_json: bool) -> None:
    """List the runs of the daemon, newest first.

    On a terminal the ids are as short as they may be; a pipe gets whole ones.

    \b
    hostler run list
    hostler run list -l etl -s FAILED --since 1d
    hostler run list --tag team=data -n 5 --json | jq -r '.runs[].state'
    """
    with connect(target) as client:
        runs = run_filter.find(client, last or None)
    if as_json:
        echo_json(ListRunsResponse(runs=runs))
        return
    ids = short_ids(runs) if terminal_width() is not None else [run_id(item.name) for item in runs]
    rows = [run_row(item, name) for item, name in zip(runs, ids, strict=True)]
    echo_table(COLUMNS, rows, "no runs")


@run.command(short_help="Show one run.")
@target_options()
@json_option
@_RUN
def show(*, target: Target, as_json: bool, run_name: str) -> None:
    """Show a run: its state, its times, why it failed.

    \b
    hostler run show RUN
    hostler run show 3f9a
    """
    with connect(target) as client:
        found = client.run(run_name)
    if as_json:
        echo_json(found)
        return
    for line in run_lines(found):
        click.echo(line)


@run.command(short_help="Show the events of a run, past and live.")
@target_options()
@json_option
@_RUN
def watch(*, target: Target, as_json: bool, run_name: str) -> int:
    """Show the events of a run, those that are past and then each new one, until it ends.

    Ctrl-C ends the watching; the run goes on. A daemon that is restarted meanwhile is waited for.
    Exit 0 if the run succeeded, else 1.

    \b
    hostler run watch RUN
    """
    with connect(target) as client:
        found = client.run(run_name)
        return follow_run(client, found, as_json=as_json, steps=0, cancel=False, patience=PATIENCE)


@run.command(short_help="Launch a run again.")
@target_options()
@click.option("--watch", "is_watched", is_flag=True, help="Show its events until it ends.")
@json_option
@_RUN
def retry(*, target: Target, is_watched: bool, as_json: bool, run_name: str) -> int:
    """Launch a run again and print the new id: the same pipeline, run config, tags and limits.

    The code is the one that the location has now. With --watch the events are shown, Ctrl-C ends
    the watching, and the command exits 0 if the new run succeeded, else 1.

    \b
    hostler run retry RUN
    hostler run retry --watch RUN
    """
    with connect(target) as client:
        again = client.retry_run(run_name)
        if is_watched:
            say(f"run {run_id(again.name)} repeats run {run_name}")
            return follow_run(
                client, again, as_json=as_json, steps=0, cancel=False, patience=PATIENCE
            )
    if as_json:
        echo_json(again)
    else:
        click.echo(run_id(again.name))
    return exits.OK


@run.command(short_help="Cancel a run.")
@target_options()
@click.option("--kill", is_flag=True, help="Kill it at once.")
@json_option
@_RUN
def cancel(*, target: Target, kill: bool, as_json: bool, run_name: str) -> None:
    """Ask a run to end; it is terminated, then killed, where it does not.

    \b
    hostler run cancel RUN
    hostler run cancel --kill RUN
    """
    with connect(target) as client:
        found = client.cancel_run(run_name, kill=kill)
    if as_json:
        echo_json(found)
    else:
        click.echo(f"{run_id(found.name)}  {Run.State.Name(found.state)}")


@run.command(short_help="Delete the record of runs.")
@target_options()
@click.argument("run_names", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)
def delete(*, target: Target, run_names: tuple[str, ...]) -> int:
    """Delete runs that have ended, with their events.

    One that cannot be deleted is said, and the others are deleted all the same. Exit 1 then.

    \b
    hostler run delete RUN
    """
    code = exits.OK
    with connect(target) as client:
        for name in dict.fromkeys(run_names):
            try:
                client.delete_run(name)
            except (AmbiguousNameError, NotFoundError, PreconditionError) as error:
                code = exits.FAILED
                say(str(error))
    return code
