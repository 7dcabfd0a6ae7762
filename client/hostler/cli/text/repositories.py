"""Repositories: a row of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.cli.terminal.table import Column
from hostler.client.names import parse_repository

if TYPE_CHECKING:
    from hostler.v1.definitions_pb2 import Repository

COLUMNS = (
    Column("REPOSITORY"),
    Column("LOCATION"),
    Column("PIPELINES", align_right=True),
    Column("DESCRIPTION", drop_order=1),
)


def repository_row(item: Repository) -> tuple[str, ...]:
    """Returns a row: repository, location, count of pipelines, description."""
    path = parse_repository(item.name)
    summary = item.description.partition("\n")[0]
    return (path.repository, path.location, str(len(item.pipelines)), summary)
