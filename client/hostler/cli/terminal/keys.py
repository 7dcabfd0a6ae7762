"""Keys that are typed on a terminal, one by one."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import termios
import threading
import tty
from typing import TYPE_CHECKING, Any, Self

from hostler.cli.terminal.output import is_in_foreground

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: Names of keys that send several bytes, or one that does not print.
NAMES = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\r": "enter",
    b"\n": "enter",
    b"\x1b": "escape",
}

#: An escape sequence, a key alone, or text.
_KEY = re.compile(rb"\x1b\[[0-9;]*[@-~]|\x1bO.|\x1b|[\r\n]|[^\x1b\r\n]+", re.DOTALL)

#: Bytes of a read; more is a paste.
_MAX_READ = 64

#: Seconds between two looks whether the job is in the foreground again.
_BACKGROUND_PAUSE = 0.2


class Keyboard:
    """Calls a function for each key, in a thread; the terminal echoes none meanwhile.

    Ctrl-C and Ctrl-Z send their signals as always. Where stdin is no terminal there are no keys.

    Args:
        on_key: called with the name of a key: "up", "down", "enter", "escape", or a character.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._before: list[Any] | None = None
        self._ended, self._end = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        if sys.stdin is not None and sys.stdin.isatty():
            self.listen()
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._end)
        if self._before is not None:
            self._thread.join()
            if is_in_foreground():
                with contextlib.suppress(termios.error):  # the terminal has gone
                    termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
        os.close(self._ended)

    def listen(self) -> None:
        """Takes keys one by one; to be called again where the job was stopped and goes on."""
        if not is_in_foreground():
            return  # a process in the background is stopped where it changes the terminal
        with contextlib.suppress(termios.error):
            before = termios.tcgetattr(sys.stdin.fileno())
            tty.setcbreak(sys.stdin.fileno(), termios.TCSADRAIN)
            if self._before is None:
                self._before = before

    def _serve(self) -> None:
        keys = sys.stdin.fileno()
        while self._ended not in select.select([keys, self._ended], [], [])[0]:
            if not is_in_foreground():  # what is typed is for another, and a read would stop us
                select.select([self._ended], [], [], _BACKGROUND_PAUSE)
                continue
            try:
                typed = os.read(keys, _MAX_READ)
            except OSError:
                return  # the terminal has gone
            if not typed:
                return
            for name in key_names(typed):
                self._on_key(name)


def key_names(typed: bytes) -> list[str]:
    """Returns the names of the keys that were typed; those that have none are left out."""
    names = []
    for match in _KEY.finditer(typed):
        key = match[0]
        if key in NAMES:
            names.append(NAMES[key])
        elif not key.startswith(b"\x1b") and (text := key.decode(errors="ignore")).isprintable():
            names.extend(text)
    return names
