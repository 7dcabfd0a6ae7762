"""hostler state: what the daemon keeps on the disk."""

from __future__ import annotations

import click

from hostler.cli.commands.compact import compact
from hostler.cli.terminal.group import Group


@click.group(cls=Group)
def state() -> None:
    """Look after what the daemon keeps on the disk."""


state.add_command(compact)
