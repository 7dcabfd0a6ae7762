"""The command line as it was typed: to be typed again with more, and what stands in front."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_KEY = "hostler.arguments"


def note_arguments(ctx: click.Context, arguments: Sequence[str]) -> None:
    """Keeps the arguments of the whole command line for `typed_again`."""
    ctx.meta[_KEY] = tuple(arguments)


def typed_again(*more: str) -> str:
    """Returns the line of the command that is being executed, with more words at its end."""
    ctx = click.get_current_context()
    return shlex.join([ctx.find_root().info_name or "hostler", *ctx.meta.get(_KEY, ()), *more])


def add_leading_socket(ctx: click.Context, given: dict[str, Any]) -> None:
    """Adds the --socket that stands before the command to the options behind it.

    Raises:
        click.UsageError: the command takes none, or another one stands behind it.
    """
    leading: Path | None = ctx.find_root().params.get("socket")
    if leading is None:
        return
    if "socket" not in given:
        raise click.UsageError(
            f"cannot take --socket with {ctx.info_name}, which starts a daemon of its own", ctx
        )
    behind = given["socket"]
    if behind not in (None, leading):
        raise click.UsageError(f"cannot take two sockets, {leading} and {behind}; give one", ctx)
    given["socket"] = leading
