"""What a launch says of a debugger, and the terminal for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from hostler.cli.live.terminal_loan import TerminalLender, has_terminal
from hostler.v1.run_pb2 import Debugging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.cli.options.debugging import DebugOptions


@contextlib.contextmanager
def terminal_lender(debug: DebugOptions) -> Iterator[TerminalLender | None]:
    """Gives what lends the terminal to breakpoint(); None without one, or for an editor.

    Raises:
        click.UsageError: pdb was asked for, and there is no terminal.
    """
    if debug.debugpy_port or not has_terminal():
        if debug.post_mortem:
            raise click.UsageError(
                "cannot open pdb without a terminal; attach an editor with --debugpy instead"
            )
        yield None
        return
    with TerminalLender() as lender:
        yield lender


def debugging_of(debug: DebugOptions, lender: TerminalLender | None) -> Debugging | None:
    """Returns what the launch says of a debugger."""
    if lender is None and not debug.debugpy_port:
        return None
    return Debugging(
        terminal_socket=str(lender.socket) if lender is not None else "",
        post_mortem=debug.post_mortem,
        debugpy_port=debug.debugpy_port,
    )
