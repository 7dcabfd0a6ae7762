"""hostler partition: list and show partition sets and partitions, and launch runs for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.commands.backfill import backfill
from hostler.cli.daemons.definitions import open_definitions
from hostler.cli.options.completion import complete_partition_name
from hostler.cli.options.names import partition_set_argument
from hostler.cli.options.scope import scope_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.output import echo_json, json_option, terminal_width
from hostler.cli.terminal.table import table_lines
from hostler.cli.text.partitions import (
    COLUMNS,
    partition_lines,
    partition_set_lines,
    partition_set_row,
)
from hostler.client.names import partition_id
from hostler.v1.repository_pb2 import ListPartitionSetsResponse, ListPartitionsResponse

if TYPE_CHECKING:
    from hostler.v1.definitions_pb2 import Partition, PartitionSet


@click.group(cls=Group)
def partition() -> None:
    """List, show and backfill partitions."""


partition.add_command(backfill)


@partition.command("list", short_help="List the partition sets, or the partitions of one.")
@target_options()
@scope_options
@json_option
@partition_set_argument
def list_partitions(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    as_json: bool,
    partition_set: str | None,
) -> int:
    """List the partition sets, or, one a line, the partitions of the set that is named.

    Where no daemon runs for the target, one is started for the duration. Exit 4 if a location does
    not answer.

    \b
    hostler partition list
    hostler partition list days
    """
    with open_definitions(target, location) as definitions:
        if partition_set is not None:
            path = definitions.find_partition_set(partition_set, location, repository)
            partitions = definitions.client.partitions(path.location, path.repository, path.name)
            if as_json:
                echo_json(ListPartitionsResponse(partitions=partitions))
            else:
                for item in partitions:
                    click.echo(partition_id(item.name))
            return 0
        reachable = not (location and definitions.absent)
        sets = definitions.client.partition_sets(location, repository) if reachable else []
        if as_json:
            echo_json(ListPartitionSetsResponse(partition_sets=sets))
        else:
            rows = [partition_set_row(one) for one in sets]
            for line in table_lines(COLUMNS, rows, terminal_width()):
                click.echo(line)
        return definitions.report_absent()


@partition.command(short_help="Show one partition set, or a partition of it.")
@target_options()
@scope_options
@json_option
@partition_set_argument
@click.argument(
    "name", metavar="[PARTITION]", required=False, shell_complete=complete_partition_name
)
def show(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    as_json: bool,
    partition_set: str | None,
    name: str | None,
) -> None:
    """Show a partition set, or the run config and the tags of one of its partitions.

    SET is not needed where there is only one set. Where no daemon runs for the target, one is
    started for the duration.

    \b
    hostler partition show days
    hostler partition show days 2026-01-31
    """
    message: PartitionSet | Partition
    with open_definitions(target, location) as definitions:
        path = definitions.find_partition_set(partition_set, location, repository)
        place = (path.location, path.repository, path.name)
        if name is None:
            message = definitions.client.partition_set(*place)
            lines = partition_set_lines(message)
        else:
            message = definitions.client.partition(*place, name)
            lines = partition_lines(message)
    if as_json:
        echo_json(message)
    else:
        for line in lines:
            click.echo(line)
