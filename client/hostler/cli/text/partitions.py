"""Partition sets: a row of a table, a set in lines, and one of its partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import Column
from hostler.cli.text.definitions import definition_lines, description_lines
from hostler.cli.text.run_requests import run_config_lines, tags_lines
from hostler.client.names import parse_definition, partition_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.v1.definitions_pb2 import Partition, PartitionSet, PartitionSetSummary

COLUMNS = (
    Column("PARTITION SET"),
    Column("REPOSITORY"),
    Column("LOCATION"),
    Column("PIPELINE", drop_order=1),
    Column("DESCRIPTION", drop_order=2),
)


def partition_set_row(item: PartitionSetSummary) -> tuple[str, ...]:
    path = parse_definition(item.name)
    pipeline = "lazy" if item.lazy else parse_definition(item.pipeline).name
    return (
        path.name,
        path.repository,
        path.location,
        pipeline,
        item.description.partition("\n")[0],
    )


def partition_set_lines(item: PartitionSet) -> Iterator[str]:
    path = parse_definition(item.name)
    yield from definition_lines(item.name, item.source)
    yield from description_lines(item.description)
    yield f"  pipeline {parse_definition(item.pipeline).name}"
    yield f"  partitions: hostler partition list {path.name}"


def partition_lines(item: Partition) -> Iterator[str]:
    yield click.style(partition_id(item.name), bold=True)
    yield from tags_lines(item.tags, "  ")
    yield from run_config_lines(item.run_config, "  ")
