"""Which runs a command changes: those that are named, or those that fit a filter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.exits import FAILED, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.cli.options.run_filter import RunFilter

all_option = click.option("--all", "all_runs", is_flag=True, help="All runs that fit the options.")

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def check_choice(names: Sequence[str], run_filter: RunFilter, *, all_runs: bool) -> None:
    """Refuses a command line that names runs and a filter, or neither.

    Raises:
        click.UsageError: it does.
    """
    has_filter = all_runs or not run_filter.is_empty
    if bool(names) == has_filter:
        what = "both runs and a filter" if names else "no runs"
        raise click.UsageError(
            f"cannot take {what}; name runs, or give a filter as --pipeline or --state, or --all"
        )


def confirm(what: str, count: int, *, yes: bool) -> None:
    """Asks whether to do something to so many runs.

    Raises:
        CommandError: the answer is no, or nobody can be asked.
    """
    runs = "1 run" if count == 1 else f"{count} runs"
    if yes or not count:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"cannot ask whether to {what} {runs}; give --yes to do it", FAILED)
    if not click.confirm(f"{what.capitalize()} {runs}?", err=True):
        raise CommandError(f"cannot {what} {runs}: the answer was no; nothing was done", FAILED)
