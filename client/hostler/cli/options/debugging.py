"""The options that have a debugger opened in a run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

#: Where debugpy listens by default, in its own documentation and in those of editors.
DEBUGPY_PORT = 5678


@dataclass(frozen=True, slots=True)
class DebugOptions:
    """What was asked for.

    Attributes:
        post_mortem: whether pdb opens where a step has failed.
        debugpy_port: where an editor is waited for; 0 for none.
    """

    post_mortem: bool
    debugpy_port: int


class DebugCommand(click.Command):
    """A command with --debugpy [PORT]: what follows it is the port only if it is a number."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)
        for index, word in enumerate(words):
            if word == "--":
                break
            if word == "--debugpy":
                has_port = index + 1 < len(words) and words[index + 1].isdecimal()
                port = words.pop(index + 1) if has_port else str(DEBUGPY_PORT)
                words[index] = f"--debugpy={port}"
                break
        return super().parse_args(ctx, words)


def debug_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --pdb and --debugpy, as its argument `debug`."""

    @functools.wraps(function)
    def command(*args: Any, pdb: bool, debugpy: int | None, **kwargs: Any) -> Any:
        if pdb and debugpy:
            raise click.UsageError("cannot take --pdb and --debugpy together; choose one debugger")
        return function(*args, debug=DebugOptions(pdb, debugpy or 0), **kwargs)

    pdb = click.option(
        "--pdb", is_flag=True, help="Open pdb on this terminal where a step has failed."
    )
    debugpy = click.option(
        "--debugpy",
        type=click.IntRange(1, 65535),
        metavar="[PORT]",
        help=f"Wait for an editor on this port before the first step.  [default: {DEBUGPY_PORT}]",
    )
    return pdb(debugpy(command))
