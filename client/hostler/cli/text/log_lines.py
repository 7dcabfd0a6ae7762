"""Lines of logs, as `hostler logs` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import display_width
from hostler.cli.text.formats import format_time
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Colours of the locations' names, in turn.
_COLORS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow")

#: Longer names push their lines to the right.
_MAX_WIDTH = 24


def log_line(line: LogLine) -> str:
    """Returns a line with its time; those of workers and runs bear the process."""
    source = f"[{line.role} {line.pid}] " if line.role in {"worker", "run"} else ""
    if line.stream == LogLine.DAEMON:
        return click.style(f"{format_time(line.time)} -- {line.text}", fg="cyan")
    return f"{format_time(line.time)} {source}{line.text}"


class Prefixes:
    """Gives each location a prefix: its name in a colour, all of one width.

    Args:
        names: resource names of the locations that are known by now.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._colors: dict[str, str] = {}
        self._width = 0
        for name in names:
            self._add(name)

    def __call__(self, name: str) -> str:
        """Returns the prefix of a location."""
        if name not in self._colors:
            self._add(name)
        text = location_id(name)
        space = " " * (self._width - display_width(text))
        return click.style(f"{text}{space} | ", fg=self._colors[name])

    def _add(self, name: str) -> None:
        self._colors[name] = _COLORS[len(self._colors) % len(_COLORS)]
        self._width = max(self._width, min(display_width(location_id(name)), _MAX_WIDTH))
