"""hostler run: list, show, watch, retry, cancel and delete runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.live.run import PATIENCE, follow_run
from hostler.cli.options.completion import complete_run
from hostler.cli.options.run_choice import all_option, check_choice, confirm, yes_option
from hostler.cli.options.run_filter import RunFilter, run_filter_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import (
    echo_json,
    echo_table,
    exit_on_broken_pipe,
    json_option,
    terminal_width,
)
from hostler.cli.text.runs import COLUMNS, run_change_line, run_lines, run_row, short_ids
from hostler.client.errors import AmbiguousNameError, NotFoundError
from hostler.client.names import run_id
from hostler.v1.run_pb2 import ListRunsResponse, Run, RunProblem, WatchRunsResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostler.client import Client

#: How many runs a list shows by default: more than a screen, less than a flood.
LAST = 100

#: The states that a run stays in.
ENDED = frozenset({Run.SUCCEEDED, Run.FAILED, Run.CANCELED, Run.INTERRUPTED})

_RUNS = click.argument("run_names", metavar="[RUN]...", nargs=-1, shell_complete=complete_run)

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
@click.option("--watch", "watches", is_flag=True, help="Go on with each change, until Ctrl-C.")
@json_option
def list_runs(
    *, target: Target, run_filter: RunFilter, last: int, watches: bool, as_json: bool
) -> None:
    """List the runs of the daemon, newest first.

    On a terminal the ids are as short as they may be; a pipe gets whole ones. With --watch a line
    for each run that changes follows: how many of its steps have ended, of how many. --json then
    prints one compact message a line.

    \b
    hostler run list
    hostler run list -l etl -s FAILED --since 1d
    hostler run list --tag team=data -n 5 --json | jq -r '.runs[].state'
    hostler run list --watch -s RUNNING
    """
    with connect(target) as client:
        if watches:
            exit_on_broken_pipe()
            with client.watch_runs(snapshot=min(last, 1000), **run_filter.selection()) as changes:
                for change in changes:
                    _print_change(change, as_json=as_json)
            return
        runs = run_filter.find(client, last or None)
    if as_json:
        echo_json(ListRunsResponse(runs=runs))
        return
    ids = short_ids(runs) if terminal_width() is not None else [run_id(item.name) for item in runs]
    rows = [run_row(item, name) for item, name in zip(runs, ids, strict=True)]
    echo_table(COLUMNS, rows, "no runs")


def _print_change(change: WatchRunsResponse, *, as_json: bool) -> None:
    if as_json:
        echo_json(change, compact=True)
    elif change.HasField("snapshot"):
        rows = [run_row(item, run_id(item.name)) for item in change.snapshot.runs]
        echo_table(COLUMNS, rows, "no runs yet")
    elif change.HasField("run"):
        click.echo(run_change_line(change.run))
    else:
        click.echo(f"{run_id(change.removed_run)}  is gone, or fits no longer")


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


@run.command(short_help="Cancel runs.")
@target_options()
@run_filter_options
@all_option
@yes_option
@click.option("--kill", is_flag=True, help="Kill them at once.")
@json_option
@_RUNS
def cancel(
    *,
    target: Target,
    run_filter: RunFilter,
    all_runs: bool,
    yes: bool,
    kill: bool,
    as_json: bool,
    run_names: tuple[str, ...],
) -> int:
    """Ask runs to end; they are terminated, then killed, where they do not.

    With a filter, all that fit and have not ended; you are asked before. One that cannot be
    cancelled is said, and the others are cancelled all the same. Exit 1 then.

    \b
    hostler run cancel RUN
    hostler run cancel --kill RUN RUN
    hostler run cancel --pipeline daily_totals --state QUEUED
    hostler run cancel --all --yes
    """
    check_choice(run_names, run_filter, all_runs=all_runs)
    code = exits.OK
    with connect(target) as client:
        if len(run_names) == 1:
            found = client.cancel_run(run_names[0], kill=kill)
            if as_json:
                echo_json(found)
            else:
                click.echo(f"{run_id(found.name)}  {Run.State.Name(found.state)}")
            return exits.OK
        if run_names:
            names, code = _whole_names(client, run_names)
            if not names:
                return code
            done = client.cancel_runs(names, kill=kill)
        else:
            wanted = run_filter.selection()
            counts = client.count_runs(**wanted)
            going_on = sum(counts[state] for state in counts.keys() - ENDED)
            confirm("cancel", going_on, yes=yes)
            done = client.cancel_runs(kill=kill, **wanted)
            while done.has_more:
                more = client.cancel_runs(kill=kill, **wanted)
                more.canceled_count += done.canceled_count
                done = more
    if as_json:
        echo_json(done)
    else:
        click.echo(f"{done.canceled_count} cancelled")
    return max(code, _report_problems(done.problems))


@run.command(short_help="Delete the record of runs.")
@target_options()
@run_filter_options
@all_option
@yes_option
@_RUNS
def delete(
    *,
    target: Target,
    run_filter: RunFilter,
    all_runs: bool,
    yes: bool,
    run_names: tuple[str, ...],
) -> int:
    """Delete runs that have ended, with their events.

    With a filter, all that fit and have ended; you are asked before. One that cannot be deleted is
    said, and the others are deleted all the same. Exit 1 then.

    \b
    hostler run delete RUN
    hostler run delete --state FAILED --before 30d
    hostler run delete --all --yes
    """
    check_choice(run_names, run_filter, all_runs=all_runs)
    with connect(target) as client:
        if run_names:
            names, code = _whole_names(client, run_names)
            problems = client.delete_runs(names).problems if names else []
            return max(code, _report_problems(problems))
        wanted = run_filter.selection()
        counts = client.count_runs(**wanted)
        confirm("delete", sum(counts[state] for state in counts.keys() & ENDED), yes=yes)
        done = client.delete_runs(**wanted)
        count = done.deleted_count
        while done.has_more:
            done = client.delete_runs(**wanted)
            count += done.deleted_count
    click.echo(f"{count} deleted")
    return exits.OK


def _whole_names(client: Client, run_names: Iterable[str]) -> tuple[list[str], int]:
    """Returns the names of the runs that are meant, and the exit code; says which are not."""
    names, code = [], exits.OK
    for name in dict.fromkeys(run_names):
        try:
            names.append(client.whole_run_name(name))
        except (AmbiguousNameError, NotFoundError) as error:
            code = exits.FAILED
            say(str(error))
    return names, code


def _report_problems(problems: Iterable[RunProblem]) -> int:
    """Says what could not be done; returns the exit code."""
    code = exits.OK
    for problem in problems:
        say(problem.message)
        code = exits.FAILED
    return code
