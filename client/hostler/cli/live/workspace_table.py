"""The live view of `hostler up`: the daemon's log scrolls above the table of the locations."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from hostler.cli.daemons.workspace_view import WorkspaceView
from hostler.cli.terminal.frame import Frame
from hostler.cli.terminal.keys import Keyboard
from hostler.cli.terminal.output import is_in_foreground
from hostler.cli.text.stop_effects import ACTIVE
from hostler.cli.text.workspace_screen import PANEL_LINES, Action, Panel, WorkspaceScreen
from hostler.client.client import Client
from hostler.client.errors import HostlerError
from hostler.client.names import location_id

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from hostler.cli.daemons.process import DaemonProcess
    from hostler.v1.workspace_pb2 import WorkspaceChange

#: Seconds between two drawings of what changes by itself: times, and the terminal's size.
REDRAW = 0.5

#: Seconds between two reads of what changes without an event: memory, runs, logs.
REFRESH = 1.0

#: Seconds for a call; the view has no use for a later answer.
CALL_TIMEOUT = 2.0

#: Runs that are asked for; further ones are not counted.
MAX_RUNS = 100


class LiveTable:
    """Draws the table of the locations anew at each change, each key and every half second.

    Args:
        daemon: its log is shown above the table; it was started with log=PIPE.
        socket: where it serves.
    """

    def __init__(self, daemon: DaemonProcess, socket: Path) -> None:
        self._daemon = daemon
        self._client = Client(socket, timeout=CALL_TIMEOUT)
        self._view = WorkspaceView()
        self._screen = WorkspaceScreen(str(socket))
        self._frame = Frame()
        self._keyboard = Keyboard(self._on_key)
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._asked = threading.Event()
        self._has_ended = False
        self._is_note = False
        self._before: dict[int, Any] = {}
        self._threads = [
            threading.Thread(target=self._copy_log, daemon=True),
            threading.Thread(target=self._redraw, daemon=True),
            threading.Thread(target=self._refresh, daemon=True),
        ]

    def __enter__(self) -> Self:
        handlers = {signal.SIGWINCH: self._on_resize, signal.SIGCONT: self._on_continue}
        for number, handler in handlers.items():
            self._before[number] = signal.signal(number, handler)
        self._keyboard.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._has_ended = True
        self._changed.set()
        self._asked.set()
        for thread in self._threads:
            thread.join(CALL_TIMEOUT)
        self._keyboard.__exit__(kind, error, traceback)
        width, _ = _size()
        with self._lock:
            lines = self._screen.last_lines(width)
        self._frame.draw(lines, width)
        self._frame.close()
        self._client.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def show(self, change: WorkspaceChange) -> None:
        """Applies a change and draws the table."""
        with self._lock:
            self._view.apply(change)
            self._take_over()
            if self._is_note:
                self._screen.message = ""
        self._changed.set()

    def say(self, message: str) -> None:
        """Says something to the person, below the table."""
        self._say(message, is_note=False)

    def _say(self, message: str, *, is_note: bool) -> None:
        """Says something until the next key, and a note until the next change as well."""
        with self._lock:
            self._screen.message = message
            self._is_note = is_note
        self._changed.set()

    def _take_over(self) -> None:
        self._screen.locations = list(self._view.locations.values())
        self._screen.problems = list(self._view.workspace.problems)

    def _on_resize(self, *_: object) -> None:
        self._changed.set()

    def _on_continue(self, *_: object) -> None:
        """Takes the terminal again after Ctrl-Z and fg."""
        self._keyboard.listen()
        self._frame.forget()
        self._changed.set()

    def _on_key(self, key: str) -> None:
        with self._lock:
            self._screen.message = ""
            action = self._screen.press(key)
            chosen = self._screen.chosen
        self._changed.set()
        if action == Action.QUIT:
            os.kill(os.getpid(), signal.SIGINT)
        elif action == Action.READ_LOGS:
            self._asked.set()
        elif action == Action.RELOAD and chosen is not None:
            try:
                self._client.reload(chosen.name, wait=False)
                self._say(f"loading {location_id(chosen.name)} ...", is_note=True)
            except HostlerError as error:
                self._say(str(error), is_note=True)

    def _redraw(self) -> None:
        while not self._has_ended:
            self._draw()
            self._changed.wait(REDRAW)
            self._changed.clear()

    def _draw(self) -> None:
        if not is_in_foreground():
            return  # what is typed there next is for another program
        width, height = _size()
        with self._lock:
            lines = self._screen.lines(width, height - 1)
        self._frame.draw(lines, width)

    def _copy_log(self) -> None:
        for line in self._daemon.log:
            self._frame.print_above(line.decode(errors="replace").rstrip("\n"), _size()[0])

    def _refresh(self) -> None:
        while not self._has_ended:
            with contextlib.suppress(HostlerError):  # it is starting, or ending
                self._read()
                self._changed.set()
            self._asked.wait(REFRESH)
            self._asked.clear()

    def _read(self) -> None:
        workspace = self._client.workspace()
        runs = self._client.runs(MAX_RUNS, states=ACTIVE)
        with self._lock:
            if workspace.revision >= self._view.revision:
                self._view.replace(workspace)
                self._take_over()
            self._screen.runs = runs
            wanted = self._screen.chosen if self._screen.panel == Panel.LOGS else None
        if wanted is None:
            return
        with self._client.logs(wanted.name, PANEL_LINES) as lines:
            log = list(lines)
        with self._lock:
            chosen = self._screen.chosen
            if chosen is not None and chosen.name == wanted.name:
                self._screen.log = log


def _size() -> tuple[int, int]:
    size = shutil.get_terminal_size()
    return size.columns, size.lines
