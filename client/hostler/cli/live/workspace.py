"""Showing the changes of the workspace: as lines, or as a table on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import click

from hostler.cli.terminal.messages import say
from hostler.cli.text.changes import change_lines

if TYPE_CHECKING:
    from hostler.v1.workspace_pb2 import WorkspaceChange


class WorkspaceDisplay(Protocol):
    """Shows the changes of the workspace."""

    def show(self, change: WorkspaceChange) -> None: ...

    def say(self, message: str) -> None:
        """Says something to the person."""
        ...


class PlainWorkspaceDisplay:
    """Prints lines for each change."""

    def show(self, change: WorkspaceChange) -> None:
        for line in change_lines(change):
            click.echo(line)

    def say(self, message: str) -> None:
        say(message)
