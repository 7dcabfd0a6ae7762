"""What every definition shows first: its name, its place, its description."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.text.formats import home_relative
from hostler.client.names import parse_definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.v1.definitions_pb2 import SourcePosition


def definition_lines(name: str, source: SourcePosition) -> Iterator[str]:
    """Yields the name of a definition, its place, and the line of the file that defines it.

    Args:
        name: its resource name.
        source: empty where that is not known.
    """
    path = parse_definition(name)
    yield click.style(path.name, bold=True)
    yield f"  location {path.location}, repository {path.repository}"
    if source.file:
        yield f"  {home_relative(source.file)}:{source.line}"


def description_lines(description: str) -> Iterator[str]:
    """Yields a description, indented below the name that it describes."""
    for line in description.strip().splitlines():
        yield f"  {line}"
