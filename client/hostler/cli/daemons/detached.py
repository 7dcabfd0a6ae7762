"""hostlerd as a process of its own, which goes on when this command ends."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.cli.daemons.process import HOSTLERD, READY_TIMEOUT, stop_timeout
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: The daemon's own log, below its state folder.
DAEMON_LOG = "hostlerd.log"

#: Bytes from which on a log is put aside at a start, beside the one before it.
MAX_LOG = 10_000_000

#: Lines of the log that the error for a daemon that does not start shows.
_LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class DetachedDaemon:
    """Starts a daemon in a session of its own, whose output goes to a log.

    Attributes:
        files: the workspace files.
        socket: where it serves.
        log: a file; what is there is kept.
        options: more options of hostlerd.
    """

    files: Sequence[Path]
    socket: Path
    log: Path
    options: Sequence[str] = ()

    def start(self) -> int:
        """Starts it and waits until it serves; returns its pid.

        Raises:
            CommandError: it ended or did not serve in time; the message has what its log says.
        """
        command = [*HOSTLERD]
        for file in self.files:
            command += ["-w", str(file)]
        log = self._open_log()
        reader, writer = os.pipe()
        command += ["--socket", str(self.socket), "--ready", str(writer), *self.options]
        begin = os.lseek(log, 0, os.SEEK_END)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writer],
                start_new_session=True,
            )
            try:
                os.close(writer)
                serves = _is_told(reader)
            except BaseException:  # Ctrl-C: what was not wanted is not left behind
                process.terminate()
                raise
        finally:
            os.close(reader)
            os.close(log)
        if serves:
            # a warning of the interpreter's that a child is not waited for, which is meant so
            process.returncode = 0
            return process.pid
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(stop_timeout())
        if process.poll() is None:
            process.kill()
        code = exits.USAGE if process.wait() == exits.USAGE else exits.FAILED
        raise CommandError(f"cannot start the daemon; {self.log} says:\n{self._says(begin)}", code)

    def _open_log(self) -> int:
        try:
            self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                if self.log.stat().st_size > MAX_LOG:
                    self.log.replace(self.log.with_name(f"{self.log.name}.1"))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            return os.open(self.log, flags, 0o600)
        except OSError as error:
            raise CommandError(
                f"cannot write the daemon's log {self.log}: {error.strerror}; "
                "name another folder with --state"
            ) from error

    def _says(self, begin: int) -> str:
        with self.log.open("rb") as file:
            file.seek(begin)
            lines = file.read(MAX_LOG).decode(errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:]) or "nothing"


def _is_told(reader: int) -> bool:
    """Waits for the daemon's word that it serves; returns False where it ends or takes too long."""
    readable, _, _ = select.select([reader], [], [], READY_TIMEOUT)
    return bool(readable) and os.read(reader, 16).startswith(b"ready")
