"""The live view of `hostler up`: the daemon's log scrolls above the table of the locations."""

from __future__ import annotations

import textwrap
import threading
from typing import TYPE_CHECKING, Self

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from hostler.cli.daemons.workspace_view import WorkspaceView
from hostler.cli.text.location_table import location_lines
from hostler.cli.text.problems import LAST_VALID_SERVES, problem_text
from hostler.client.client import Client
from hostler.client.errors import HostlerError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from hostler.cli.daemons.process import DaemonProcess
    from hostler.v1.workspace_pb2 import Location, WorkspaceChange, WorkspaceProblem

#: Seconds between two reads of what changes without an event: memory.
REFRESH = 2.0


class LiveTable:
    """Draws the table of the locations anew at each change and every other second.

    Args:
        daemon: its log is shown above the table; it was started with log=PIPE.
        socket: where it serves.
    """

    def __init__(self, daemon: DaemonProcess, socket: Path) -> None:
        self._daemon = daemon
        self._socket = socket
        self._console = Console(highlight=False, soft_wrap=True)
        self._view = WorkspaceView()
        self._lock = threading.Lock()
        self._foot = ""
        self._live = Live(
            console=self._console, get_renderable=self._table, refresh_per_second=2, transient=True
        )
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._copy_log, daemon=True),
            threading.Thread(target=self._refresh, daemon=True),
        ]

    def __enter__(self) -> Self:
        self._live.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(REFRESH)
        self._live.stop()

    def show(self, change: WorkspaceChange) -> None:
        """Applies a change and draws the table."""
        with self._lock:
            self._view.apply(change)
        self._live.refresh()

    def say(self, message: str) -> None:
        """Says something to the person, below the table."""
        self._foot = message
        self._live.refresh()

    def _table(self) -> Text:
        with self._lock:
            locations = list(self._view.locations.values())
            problems = list(self._view.workspace.problems)
        if not locations and not problems:
            return Text("starting ...")
        return Text.from_ansi("\n".join(self._lines(locations, problems)), no_wrap=True)

    def _lines(self, locations: list[Location], problems: list[WorkspaceProblem]) -> list[str]:
        width = self._console.width
        told = [*map(problem_text, problems), LAST_VALID_SERVES] if problems else []
        wrapped = [line for text in told for line in textwrap.wrap(text, width)]
        foot = self._foot or f"Ctrl-C ends; serving on {self._socket}"
        return ["", *location_lines(locations, width), *map(_red, wrapped), foot]

    def _copy_log(self) -> None:
        for line in self._daemon.log:
            self._console.print(Text.from_ansi(line.decode(errors="replace").rstrip("\n")))

    def _refresh(self) -> None:
        with Client(self._socket, timeout=REFRESH) as client:
            while not self._ended.wait(REFRESH):
                try:
                    workspace = client.workspace()
                except HostlerError:
                    continue  # it is starting, or ending
                with self._lock:
                    if workspace.revision >= self._view.revision:
                        self._view.replace(workspace)


def _red(text: str) -> str:
    return click.style(text, fg="red")
