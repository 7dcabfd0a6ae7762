"""Asks systemd, by its own command: what it does shows up where an administrator looks."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hostler.cli.terminal.exits import CommandError

#: Is there where the machine was booted with systemd; see sd_booted(3).
BOOTED = Path("/run/systemd/system")

#: Seconds for a command: a start waits until each location has loaded, a stop for the runs to end.
_PATIENCE = 180.0

_PROPERTIES = (
    *("LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "StatusText"),
    *("NRestarts", "ActiveEnterTimestamp"),
)


@dataclass(frozen=True, slots=True)
class Systemd:
    """Calls systemctl for the machine's manager, or for this user's."""

    is_user: bool

    @property
    def why_not(self) -> str:
        """Returns why there is no such manager; "" where there is one."""
        if shutil.which("systemctl") is None:
            return "there is no systemctl on the PATH"
        if not BOOTED.is_dir():
            return "this machine was not booted with systemd"
        if self.is_user and not os.environ.get("XDG_RUNTIME_DIR"):
            return "XDG_RUNTIME_DIR is not set, so that systemd's manager of this user is not found"
        return ""

    @property
    def version(self) -> int:
        """Returns the version; 0 where it is not known."""
        program = shutil.which("systemctl")
        if program is None:
            return 0
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False
        ).stdout
        found = re.match(r"systemd (\d+)", said)
        return int(found[1]) if found else 0

    def command(self, *arguments: str) -> list[str]:
        """Returns the command line."""
        return ["systemctl", *(["--user"] if self.is_user else []), *arguments]

    def run(self, *arguments: str) -> None:
        """Runs a command.

        Raises:
            CommandError: it failed; the message has what it said.
        """
        command = self.command(*arguments)
        shown = shlex.join(command)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise CommandError(f"cannot wait for `{shown}`: it takes too long") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
            raise CommandError(f"cannot run `{shown}`: {said}")

    def show(self, unit: str) -> dict[str, str]:
        """Returns what systemd knows of a unit, by property; nothing where it does not answer."""
        command = self.command("show", unit, f"--property={','.join(_PROPERTIES)}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: value for name, _, value in pairs if value}
