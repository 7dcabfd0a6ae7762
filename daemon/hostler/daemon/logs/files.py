"""The log files of all locations, written and rotated by one thread."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.settings import Settings

#: Characters that may wait for a slow disk; further lines are missing in the file.
_MAX_WAITING = 16_000_000

#: Bytes of one write.
_CHUNK_SIZE = 64 * 1024


class LogWriter:
    """Writes lines to files, off the loop: no caller waits for the disk.

    While a file cannot be written, its lines are lost and one warning is logged; the file says how
    many are missing once it can be written again.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._journal = journal
        self._max_files = settings.log_files
        self._max_bytes = settings.log_bytes
        self._log_files: dict[Path, _File] = {}
        self._waiting: dict[Path, list[str]] = {}
        self._waiting_size = 0
        self._dropped: dict[Path, int] = {}
        self._is_idle = True
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="hostler-logs", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def write(self, path: Path, lines: list[str]) -> None:
        """Hands over lines with their line breaks; those that there is no room for are lost."""
        size = sum(map(len, lines))
        with self._changed:
            if self._is_closed:
                return
            if self._waiting_size + size > _MAX_WAITING:
                self._dropped[path] = self._dropped.get(path, 0) + len(lines)
                return
            self._waiting_size += size
            self._waiting.setdefault(path, []).extend(lines)
            if self._is_idle:
                self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Waits until all that was handed over is written or lost; call it off the loop."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_idle and not self._waiting, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Writes what is waiting and ends the thread; call it off the loop."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_idle = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    break
                self._is_idle = False
                batch, self._waiting, self._waiting_size = self._waiting, {}, 0
                dropped, self._dropped = self._dropped, {}
            for path in {*batch, *dropped}:
                file = self._log_files.get(path)
                if file is None:
                    file = self._log_files[path] = _File(
                        path, self._max_bytes, self._max_files, self._journal
                    )
                file.write(batch.get(path, []), dropped.get(path, 0))


class _File:
    """One log file with its predecessors `.1`, `.2`, ...; used by the writer's thread alone."""

    def __init__(self, path: Path, max_bytes: int, max_files: int, journal: Journal) -> None:
        self._journal = journal
        self._path = path
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._lost = 0
        self._has_torn_line = False
        self._is_failing = False

    def write(self, lines: list[str], dropped: int) -> None:
        """Writes the lines, or counts them as lost."""
        self._lost += dropped
        done = 0
        try:
            for chunk, count in _chunks(lines, min(_CHUNK_SIZE, self._max_bytes)):
                self._append(chunk)
                done += count
        except OSError as error:
            self._lost += len(lines) - done
            if not self._is_failing:
                self._is_failing = True
                self._journal.warning(
                    "cannot write the log file; its lines are lost until it can be written",
                    path=self._path,
                    error=error,
                )
        else:
            if self._is_failing:
                self._is_failing = False
                self._journal.warning("the log file is written again", path=self._path)

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def _append(self, chunk: bytes) -> None:
        # Opened each time: the user may have moved or removed the file, and the file of a removed
        # location must not stay open.
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(chunk) > self._max_bytes:
                self._rotate()
                os.close(descriptor)
                descriptor = -1
                descriptor = self._open()
            if self._has_torn_line:
                self._write_all(descriptor, b"\n")
            if self._lost:
                self._write_all(
                    descriptor, f"hostler: {self._lost} lines are missing here\n".encode()
                )
                self._lost = 0
            self._write_all(descriptor, chunk)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _write_all(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            # A full disk may take only a part.
            count = os.write(descriptor, view)
            view = view[count:]
            self._has_torn_line = bool(view)

    def _rotate(self) -> None:
        for number in range(self._max_files - 1, 0, -1):
            source = self._path_of(number - 1)
            with contextlib.suppress(FileNotFoundError):
                source.replace(self._path_of(number))
        if self._max_files == 1:
            self._path.unlink(missing_ok=True)

    def _path_of(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def _chunks(lines: list[str], max_size: int) -> list[tuple[bytes, int]]:
    """Returns whole lines in chunks of up to `max_size` bytes, and the number of lines in each."""
    chunks: list[tuple[bytes, int]] = []
    piece: list[bytes] = []
    size = 0
    for line in lines:
        data = line.encode(errors="replace")
        if piece and size + len(data) > max_size:
            chunks.append((b"".join(piece), len(piece)))
            piece, size = [], 0
        piece.append(data)
        size += len(data)
    if piece:
        chunks.append((b"".join(piece), len(piece)))
    return chunks
