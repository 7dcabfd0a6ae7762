"""The daemon's own log: an event name and key/values, on stderr or in systemd's journal."""

import contextlib
import json
import sys
import threading
import time
import traceback
from collections import deque
from typing import Literal, TextIO

from hostler.daemon.base.journald import JournaldSink

Format = Literal["text", "json", "journald"]
Level = Literal["info", "warning", "error"]

#: From the least severe to the most.
LEVELS: tuple[Level, ...] = ("info", "warning", "error")

#: Lines that may wait for a slow reader of stderr; further ones are counted and left out.
MAX_WAITING_LINES = 10_000

#: Characters of these lines: an event may show a traceback.
MAX_WAITING = 4_000_000

#: Seconds that `close` waits for a reader that is slow or asleep.
CLOSE_TIMEOUT = 1.0


class Journal:
    """Writes one line for each event, from a thread: a paused terminal must not stop the daemon.

    Usable from any thread.
    """

    def __init__(
        self,
        log_format: Format = "text",
        level: Level = "info",
        stream: TextIO | None = None,
        journald: JournaldSink | None = None,
    ) -> None:
        """
        Args:
            log_format: "journald" for systemd's journal, with the values as fields.
            stream: where the lines go; stderr where none is given.
            journald: takes the entries of that format; the machine's own where none is given.
        """
        self._log_format = log_format
        self._min_level = LEVELS.index(level)
        self._stream = stream or sys.stderr
        self._journald = journald
        if log_format == "journald" and journald is None:
            self._journald = JournaldSink()
        self._lines: deque[str | bytes] = deque()
        self._waiting = 0
        self._left_out = 0
        self._faults: set[str] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes the lines that still wait, as long as stderr's reader takes them."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSE_TIMEOUT)
        if self._journald is not None:
            self._journald.close()

    def info(self, event: str, **values: object) -> None:
        self._write("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        self._write("warning", event, values)

    def error(self, event: str, **values: object) -> None:
        self._write("error", event, values)

    def fault(self, event: str, error: BaseException, **values: object) -> None:
        """Logs an error that is a fault of hostler itself, with its traceback."""
        trace = "".join(traceback.format_exception(error))
        self._write("error", event, {**values, "error": repr(error), "traceback": trace})

    def fault_once(self, key: str, event: str, **values: object) -> None:
        """Logs a fault of hostler itself, the first time only.

        Args:
            key: names the fault among all others.
        """
        if key not in self._faults:
            self._faults.add(key)
            self._write("error", event, values)

    def _write(self, level: Level, event: str, values: dict[str, object]) -> None:
        if LEVELS.index(level) < self._min_level:
            return
        line = self._format(level, event, values)
        with self._changed:
            if len(self._lines) >= MAX_WAITING_LINES or self._waiting > MAX_WAITING:
                self._left_out += 1
                return
            if self._left_out:
                lost, self._left_out = self._left_out, 0
                self._lines.append(self._format("warning", "journal", {"left_out": lost}))
            self._lines.append(line)
            self._waiting += len(line)
            self._changed.notify()

    def _format(self, level: Level, event: str, values: dict[str, object]) -> str | bytes:
        present = {key: value for key, value in values.items() if value is not None}
        if self._journald is not None:
            return self._journald.format(level, event, event + _as_text(present), present)
        now = time.time()
        stamp = (
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        )
        if self._log_format == "json":
            record = {"time": stamp, "level": level, "event": event, **present}
            return json.dumps(record, default=str)
        return f"{stamp} {level:<7} {event}" + _as_text(present)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._lines and not self._closed:
                    self._changed.wait()
                if not self._lines:
                    return
                lines = list(self._lines)
                self._lines.clear()
                self._waiting = 0
            if self._journald is not None:
                self._journald.write([line for line in lines if isinstance(line, bytes)])
                continue
            with contextlib.suppress(
                OSError, ValueError
            ):  # stderr is gone: there is no one to tell
                self._stream.write("\n".join(map(str, lines)) + "\n")
                self._stream.flush()


def _as_text(values: dict[str, object]) -> str:
    """Returns ` key=value` for each value; texts of several lines follow on lines of their own."""
    short, long = "", ""
    for key, value in values.items():
        text = str(value)
        if "\n" in text:
            long += "\n" + "\n".join("    " + line for line in text.rstrip("\n").split("\n"))
        elif " " in text or not text:
            short += f" {key}={json.dumps(text, ensure_ascii=False)}"
        else:
            short += f" {key}={text}"
    return short + long
