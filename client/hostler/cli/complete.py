"""What the shell's completion offers from a daemon that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.exits import CommandError
from hostler.cli.target import target_from_options
from hostler.client.client import Client
from hostler.client.errors import HostlerError
from hostler.client.names import (
    location_id,
    parse_definition,
    parse_pipeline,
    parse_repository,
    run_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Nobody waits longer for a completion.
TIMEOUT = 1.0


def _offer(
    names: Callable[[Client, click.Context], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            target = target_from_options(ctx.params)
            with Client(target.socket_path, timeout=TIMEOUT) as client:
                found = set(names(client, ctx))
        except (HostlerError, click.ClickException, CommandError, OSError):
            return []  # no daemon, no names
        return sorted(name for name in found if name.startswith(incomplete))

    return complete


complete_location = _offer(
    lambda client, _: (location_id(location.name) for location in client.locations())
)

complete_repository = _offer(
    lambda client, ctx: (
        parse_repository(repository.name).repository
        for repository in client.repositories(ctx.params.get("location"))
    )
)

complete_pipeline = _offer(
    lambda client, ctx: (
        parse_pipeline(pipeline.name).pipeline
        for pipeline in client.pipelines(ctx.params.get("location"), ctx.params.get("repository"))
    )
)

complete_schedule = _offer(
    lambda client, ctx: (
        parse_definition(schedule.name).name
        for schedule in client.schedules(ctx.params.get("location"), ctx.params.get("repository"))
    )
)

complete_partition_set = _offer(
    lambda client, ctx: (
        parse_definition(one.name).name
        for one in client.partition_sets(ctx.params.get("location"), ctx.params.get("repository"))
    )
)

complete_run = _offer(lambda client, _: (run_id(run.name) for run in client.runs(100)))
