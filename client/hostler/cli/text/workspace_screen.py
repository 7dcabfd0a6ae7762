"""What the live view of `hostler up` shows, and what its keys do: no terminal, no daemon."""

from __future__ import annotations

import enum
import textwrap
from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import table_lines
from hostler.cli.text.formats import format_time
from hostler.cli.text.location_table import location_blocks
from hostler.cli.text.locations import failure_output, failure_reason
from hostler.cli.text.problems import LAST_VALID_SERVES, problem_text
from hostler.cli.text.runs import COLUMNS, run_row, short_ids
from hostler.client.names import location_id
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.v1.workspace_pb2 import Location, LogLine, WorkspaceProblem

#: Runs that have a row; further ones are counted.
MOST_RUNS = 5

#: Lines of a panel, where the terminal has room for them.
PANEL_LINES = 10

#: The rows of locations are not squeezed below this by a panel.
_LEAST_ROWS = 3

KEYS = "up/down choose  r reload  l logs  enter error  ? help  q ends"

HELP = """\
up, down, k, j  choose a location
r               load its code anew
l               show what it printed last
enter           show why its load failed, with the traceback
escape          close what was opened
q, Ctrl-C       end the daemon and all that it started"""


class Panel(enum.Enum):
    """What is shown below the table."""

    NONE = enum.auto()
    LOGS = enum.auto()
    ERROR = enum.auto()
    HELP = enum.auto()


class Action(enum.Enum):
    """What a key asks for beyond the screen."""

    RELOAD = enum.auto()
    READ_LOGS = enum.auto()
    QUIT = enum.auto()


_PANELS = {"l": Panel.LOGS, "enter": Panel.ERROR, "?": Panel.HELP}


class WorkspaceScreen:
    """Holds what the live view shows.

    Attributes:
        locations: in the order of the workspace file.
        problems: of the workspace files.
        runs: those that have not ended, newest first.
        log: the last lines of the chosen location, while the panel shows them.
        panel: what is open below the table.
        message: the last line says it, in place of what the keys do.
    """

    def __init__(self, place: str) -> None:
        self.locations: Sequence[Location] = ()
        self.problems: Sequence[WorkspaceProblem] = ()
        self.runs: Sequence[Run] = ()
        self.log: Sequence[LogLine] = ()
        self.panel = Panel.NONE
        self.message = ""
        self._place = place
        self._chosen = ""

    @property
    def chosen(self) -> Location | None:
        """Returns the location that the keys are about: the first one until another is chosen."""
        for location in self.locations:
            if location.name == self._chosen:
                return location
        return self.locations[0] if self.locations else None

    def press(self, key: str) -> Action | None:
        """Does what a key does to the screen; returns what else it asks for."""
        if key in {"up", "k", "down", "j"}:
            return self._choose(-1 if key in {"up", "k"} else 1)
        if key in _PANELS:
            wanted = _PANELS[key]
            self.panel = Panel.NONE if self.panel == wanted else wanted
            return self._read_logs()
        if key == "escape":
            self.panel = Panel.NONE
        elif key == "r" and self.chosen is not None:
            return Action.RELOAD
        elif key == "q":
            return Action.QUIT
        return None

    def _choose(self, step: int) -> Action | None:
        names = [location.name for location in self.locations]
        if self.chosen is not None:
            index = names.index(self.chosen.name) + step
            self._chosen = names[min(max(index, 0), len(names) - 1)]
        return self._read_logs()

    def _read_logs(self) -> Action | None:
        self.log = ()
        return Action.READ_LOGS if self.panel == Panel.LOGS else None

    def lines(self, width: int, height: int) -> list[str]:
        """Returns the screen, in lines that may be too long, at most so many."""
        if not self.locations and not self.problems:
            return [self.message or "starting ..."]
        head, blocks = location_blocks(self.locations, width - 2)
        below = [*self._problem_lines(width), *self._run_lines(width), *self._foot(width)]
        room = max(height - 2 - len(below), 1)
        panel = self._panel_lines(width)
        rows = sum(map(len, blocks))
        for_panel = min(len(panel), max(room - min(rows, _LEAST_ROWS), 0))
        table = self._rows(blocks, max(room - for_panel, 1))
        return ["", "  " + head, *table, *panel[:for_panel], *below][: max(height, 1)]

    def last_lines(self, width: int) -> list[str]:
        """Returns what stays on the terminal: the last state, without marks, keys and runs."""
        message = textwrap.wrap(self.message, width)
        if not self.locations and not self.problems:
            return message
        head, blocks = location_blocks(self.locations, width)
        rows = [line for block in blocks for line in block]
        return [head, *rows, *self._problem_lines(width), *message]

    def _rows(self, blocks: list[list[str]], room: int) -> list[str]:
        """Returns the rows of the locations; where they do not fit, those around the chosen one."""
        chosen = self.chosen
        lines: list[str] = []
        first = 0
        for location, block in zip(self.locations, blocks, strict=True):
            is_chosen = chosen is not None and location.name == chosen.name
            if is_chosen:
                first = len(lines)
            lines += [
                ("> " if is_chosen else "  ") + block[0],
                *("  " + line for line in block[1:]),
            ]
        if len(lines) <= room:
            return lines
        start = min(max(first - room // 2, 0), len(lines) - room)
        return lines[start : start + room]

    def _problem_lines(self, width: int) -> list[str]:
        told = [*map(problem_text, self.problems), LAST_VALID_SERVES] if self.problems else []
        return [_red(line) for text in told for line in textwrap.wrap(text, width)]

    def _run_lines(self, width: int) -> list[str]:
        if not self.runs:
            return []
        shown = sorted(self.runs, key=lambda run: run.state == Run.QUEUED)[:MOST_RUNS]
        rows = [run_row(run, name) for run, name in zip(shown, short_ids(shown), strict=True)]
        more = len(self.runs) - len(shown)
        return [
            "",
            *table_lines(COLUMNS, rows, width),
            *([f"and {more} more run{'s' * (more != 1)}"] if more else []),
        ]

    def _panel_lines(self, width: int) -> list[str]:
        location = self.chosen
        if self.panel == Panel.NONE or location is None:
            return []
        name = location_id(location.name)
        if self.panel == Panel.HELP:
            return ["", *HELP.splitlines()]
        if self.panel == Panel.LOGS:
            lines = [f"{format_time(line.time)} {line.text}" for line in self.log]
            title = f"-- {name} printed" if lines else f"-- {name} has printed nothing"
            return ["", title, *lines[-PANEL_LINES:]]
        reason = failure_reason(location)
        if not reason:
            return ["", f"-- {name} has no error"]
        output = failure_output(location).splitlines()
        return ["", f"-- {name} failed", *output, *map(_red, textwrap.wrap(reason, width))]

    def _foot(self, width: int) -> list[str]:
        if self.message:
            return textwrap.wrap(self.message, width) or [""]
        return [f"Ctrl-C ends; serving on {self._place}", click.style(KEYS, dim=True)]


def _red(text: str) -> str:
    return click.style(text, fg="red")
