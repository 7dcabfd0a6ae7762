"""Writing to stdout: JSON, tables, and what kind of stream it is."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.terminal.interrupts import exit_on_interrupt
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.table import table_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

    from hostler.cli.terminal.table import Cell, Column


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the option --json, as its argument `as_json`."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="Print the message of hostler.v1 as JSON."
    )
    return option(function)


def echo_json(message: Message, *, compact: bool = False) -> None:
    """Prints a message in protobuf's canonical JSON; compact in one line, for streams."""
    from google.protobuf.json_format import MessageToJson  # 20 ms that `hostler ps` does without

    indent = None if compact else 2
    click.echo(MessageToJson(message, indent=indent, ensure_ascii=False))


def echo_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], nothing: str
) -> None:
    """Prints a table as wide as the terminal; where it has no rows, says `nothing` on stderr."""
    if not rows:
        say(nothing)
        return
    click.echo("\n".join(table_lines(columns, rows, terminal_width())))


def exit_on_broken_pipe() -> None:
    """Ends the process as soon as nobody reads its stdout any more, also while it prints nothing.

    It is for streams without an end, as in `hostler events | grep -m1 READY`. Their commands have
    nothing to clean up, so Ctrl-C ends them at once, too.
    """
    exit_on_interrupt()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    threading.Thread(target=_await_reader_end, daemon=True).start()


def _await_reader_end() -> None:
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # no events, so errors alone: the reader closed its end
    poll.poll()
    os.kill(os.getpid(), signal.SIGPIPE)


def is_interactive() -> bool:
    """Returns whether stdout is a terminal that a live view may draw on."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain and is_in_foreground()


def is_in_foreground() -> bool:
    """Returns False for `hostler up &`: the terminal belongs to what is typed there next."""
    try:
        return os.tcgetpgrp(sys.stdout.fileno()) == os.getpgrp()
    except OSError:  # it is not our controlling terminal, so nobody types there
        return True


def terminal_width() -> int | None:
    """Returns the columns of stdout; None where it is no terminal and takes lines of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
