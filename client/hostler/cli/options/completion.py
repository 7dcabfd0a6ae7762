"""Completion in a shell: names that a running daemon knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.options.target_options import target_from_options
from hostler.cli.terminal.command_line import add_leading_socket
from hostler.cli.terminal.exits import CommandError
from hostler.client.client import Client
from hostler.client.errors import HostlerError
from hostler.client.names import (
    location_id,
    parse_definition,
    parse_pipeline,
    parse_repository,
    partition_id,
    run_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds; nobody waits longer for a completion.
TIMEOUT = 1.0


def _completer(
    names: Callable[[Client, click.Context, str], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            given = dict(ctx.params)
            add_leading_socket(ctx, given)
            target = target_from_options(given)
            with Client(target.socket_path, timeout=TIMEOUT) as client:
                found = set(names(client, ctx, incomplete))
        except (HostlerError, click.ClickException, CommandError, OSError):
            return []  # no daemon, no names
        return sorted(name for name in found if name.startswith(incomplete))

    return complete


complete_location = _completer(
    lambda client, *_: (location_id(location.name) for location in client.locations())
)

complete_repository = _completer(
    lambda client, ctx, _: (
        parse_repository(repository.name).repository
        for repository in client.repositories(ctx.params.get("location"))
    )
)

complete_pipeline = _completer(
    lambda client, ctx, _: (
        parse_pipeline(pipeline.name).pipeline
        for pipeline in client.pipelines(ctx.params.get("location"), ctx.params.get("repository"))
    )
)


def _presets(client: Client, ctx: click.Context, _incomplete: str) -> Iterable[str]:
    # click has not come to the arguments, since the option that is completed has no value yet
    name = ctx.params.get("name") or next(iter(ctx.args), None)
    if name is None:  # the options stand before the pipeline
        return []
    place = ctx.params.get("location"), ctx.params.get("repository")
    path = parse_pipeline(client.find_pipeline(name, *place).name)
    return [one.name for one in client.pipeline(*path).presets]


complete_preset = _completer(_presets)

complete_schedule = _completer(
    lambda client, ctx, _: (
        parse_definition(schedule.name).name
        for schedule in client.schedules(ctx.params.get("location"), ctx.params.get("repository"))
    )
)

complete_partition_set = _completer(
    lambda client, ctx, _: (
        parse_definition(one.name).name
        for one in client.partition_sets(ctx.params.get("location"), ctx.params.get("repository"))
    )
)


def _partitions(client: Client, ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Returns SET/PARTITION for the one set that fits, or the sets' names where several fit."""
    place = ctx.params.get("location"), ctx.params.get("repository")
    paths = [parse_definition(one.name) for one in client.partition_sets(*place)]
    meant = [path for path in paths if f"{path.name}/".startswith(incomplete[: len(path.name) + 1])]
    if len(meant) != 1:
        return (f"{path.name}/" for path in meant)
    (path,) = meant
    partitions = client.partitions(path.location, path.repository, path.name)
    return (f"{path.name}/{partition_id(one.name)}" for one in partitions)


complete_partition = _completer(_partitions)


def _partition_names(client: Client, ctx: click.Context, _: str) -> Iterable[str]:
    """Returns the partitions of the set that the command line names before."""
    place = ctx.params.get("location"), ctx.params.get("repository")
    # where an option before the cursor has no value yet, click has not assigned the arguments
    named = ctx.params.get("partition_set") or next(iter(ctx.args), "")
    path = parse_definition(client.find_partition_set(named, *place).name)
    return client.partition_names(path.location, path.repository, path.name)


complete_partition_name = _completer(_partition_names)

complete_run = _completer(lambda client, *_: (run_id(run.name) for run in client.runs(100)))
