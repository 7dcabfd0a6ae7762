"""hostler partition backfill: launch a run for each of many partitions."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import click

from hostler.cli.daemons.definitions import open_definitions, open_served_definitions
from hostler.cli.live.backfill import backfill_display
from hostler.cli.options.completion import complete_partition_name
from hostler.cli.options.launch import run_content_options
from hostler.cli.options.names import partition_set_argument
from hostler.cli.options.run_config import read_run_config
from hostler.cli.options.scope import scope_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import INTERRUPTED
from hostler.cli.terminal.interrupts import InterruptHandler
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import json_option
from hostler.client.backfill import partition_range
from hostler.client.errors import HostlerError, InvalidArgumentError
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hostler.cli.live.backfill import BackfillDisplay
    from hostler.client.backfill import Backfill


class PartitionSelection(NamedTuple):
    """Holds which partitions of a set the command line names."""

    all: bool
    names: tuple[str, ...]
    first: str | None
    last: str | None

    def check(self) -> None:
        """Raises a usage error where the partitions are named in more than one way."""
        if self.all + bool(self.names) + self._is_range > 1:
            raise click.UsageError(
                "cannot tell which partitions are meant; give only one of --all, --partitions, and "
                "--from with --to"
            )

    @property
    def _is_range(self) -> bool:
        return self.first is not None or self.last is not None

    def select_from(self, known: list[str]) -> list[str]:
        """Returns the partitions that the command line names, out of all that the set has."""
        if self._is_range:
            try:
                return partition_range(known, self.first, self.last)
            except InvalidArgumentError as error:
                raise click.UsageError(str(error)) from error
        if not self.names:
            return known
        wanted: list[str] = []
        for text in self.names:  # a name may have a comma of its own
            wanted += [text] if text in known else [one.strip() for one in text.split(",") if one]
        return wanted


def _selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --all, --partitions, --from and --to, and passes on a `selection`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        every: bool,
        names: tuple[str, ...],
        first: str | None,
        last: str | None,
        **kwargs: Any,
    ) -> Any:
        selection = PartitionSelection(every, names, first, last)
        selection.check()
        return function(*args, selection=selection, **kwargs)

    options = (
        click.option(
            "--all", "every", is_flag=True, help="All partitions of the set, the default."
        ),
        click.option(
            "--partitions",
            "names",
            multiple=True,
            metavar="A,B,...",
            shell_complete=complete_partition_name,
            help="These partitions; may be repeated.",
        ),
        click.option(
            "--from",
            "first",
            metavar="A",
            shell_complete=complete_partition_name,
            help="The partitions from this one on, in the set's order.",
        ),
        click.option(
            "--to",
            "last",
            metavar="B",
            shell_complete=complete_partition_name,
            help="The partitions up to this one, which is included.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Launch a run for each of many partitions.")
@target_options()
@scope_options
@_selection_options
@click.option(
    "--missing",
    is_flag=True,
    help="Leave out those that have a run that succeeded, is queued or under way.",
)
@run_content_options
@click.option(
    "--id",
    "backfill_id",
    metavar="ID",
    default="",
    help="Goes on with the backfill of that id, and launches nothing twice.",
)
@click.option("--no-wait", is_flag=True, help="Return when all are launched.")
@json_option
@partition_set_argument
def backfill(
    *,
    target: Target,
    selection: PartitionSelection,
    no_wait: bool,
    as_json: bool,
    partition_set: str | None,
    configs: tuple[str, ...],
    tags: dict[str, str],
    **options: Any,
) -> int:
    """Launch a run for each of many partitions of a set, and wait for their ends.

    All partitions where none is named; SET is not needed where there is only one set. The runs wait
    in the daemon's queue for what its limits allow. Ctrl-C ends launching and waiting; what is
    launched goes on, and the same command with --id ID goes on with the backfill. Where no daemon
    runs for the target, one is started for the duration, and the runs end with it; --no-wait,
    --missing and --id need one that runs. Exit 0 if all succeeded, else 1.

    \b
    hostler partition backfill -f repos.py
    hostler partition backfill days --missing
    hostler partition backfill days --from 2026-01-01 --to 2026-01-31 -c '{solids: ...}'
    hostler partition backfill days --partitions 2026-01-01,2026-02-01 --no-wait
    """
    run_config = read_run_config(configs)
    location, repository = options.pop("location"), options.pop("repository")
    # these are about runs before or after the command, which a private daemon has none of
    needs_daemon = no_wait or options["missing"] or options["backfill_id"]
    opened = open_served_definitions if needs_daemon else open_definitions
    with opened(target, location) as definitions:
        path = definitions.find_partition_set(partition_set, location, repository)
        prepared = definitions.client.backfill(
            path.name,
            selection.select_from,
            run_config,
            tags,
            location=path.location,
            repository=path.repository,
            **options,  # those that are left are arguments of Client.backfill
        )
        count, name = len(prepared.partitions), path.name
        if not count:
            say(f"backfill {prepared.id}: nothing to do, set {name} has none of them left")
            return exits.OK
        say(f"backfill {prepared.id}: {count} partition{'s' if count > 1 else ''} of set {name}")
        with backfill_display(prepared, as_json=as_json, plain=no_wait) as display:
            return _launch_and_wait(
                prepared, display, wait=not no_wait, is_private=definitions.is_private
            )


def _launch_and_wait(
    prepared: Backfill, display: BackfillDisplay, *, wait: bool, is_private: bool
) -> int:
    """Launches the runs, waits for their ends, and returns the exit code."""
    count = len(prepared.partitions)
    has_left = []

    def leave(_count: int) -> None:
        has_left.append(True)
        prepared.leave()

    def stopped(at: str = "") -> None:
        there = len(prepared.runs)
        if is_private:
            then = f"; the daemon was this command's own, and what has not ended ends with it{at}"
        else:
            then = f" and go on{at}; go on with the same command and --id {prepared.id}"
        display.say(f"stopped; {there} of {count} runs are launched{then}")

    try:
        with InterruptHandler(leave, prepared.leave):
            for run in prepared.launch():
                display.launched(run)
            if not wait and not has_left:
                return exits.OK
            for run in prepared.watch():
                display.ended(run)
    except HostlerError:
        there = len(prepared.runs)
        stopped(f"; it was the turn of {prepared.partitions[there]}" if there < count else "")
        raise
    except SystemExit:
        stopped()
        raise
    if has_left:
        stopped()
        return INTERRUPTED
    states = Counter(_state_word(run.state) for run in prepared.runs.values())
    listed = ", ".join(f"{number} {word}" for word, number in states.most_common())
    display.say(f"backfill {prepared.id}: {listed}")
    return exits.OK if prepared.succeeded else exits.FAILED


def _state_word(state: Run.State.ValueType) -> str:
    return Run.State.Name(state).lower() if state else "deleted"
