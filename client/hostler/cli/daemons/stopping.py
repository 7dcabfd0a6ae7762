"""Stopping a daemon that another command or a service manager has started."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hostler.cli.terminal.exits import CommandError

if TYPE_CHECKING:
    from types import TracebackType

_UNIT = re.compile(r"/([^/]+\.service)$", re.MULTILINE)


class RunningDaemon:
    """A daemon by its process, which no other process can take the place of.

    Args:
        pid: of hostlerd.

    Raises:
        ProcessLookupError: it has ended.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._own = os.pidfd_open(pid)
        self._below = [self._own]
        for child in _children(pid):
            with contextlib.suppress(OSError):
                self._below.append(os.pidfd_open(child))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for descriptor in self._below:
            os.close(descriptor)

    @property
    def unit(self) -> str:
        """Returns the unit of systemd that it runs as, which may start it again; empty for none."""
        try:
            group = Path(f"/proc/{self.pid}/cgroup").read_text()
        except OSError:
            return ""
        match = _UNIT.search(group.rstrip())
        name = match[1] if match else ""
        return name if name.startswith("hostler") else ""

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal.

        Raises:
            CommandError: it is another user's.
        """
        try:
            signal.pidfd_send_signal(self._own, number)
        except ProcessLookupError:
            return
        except PermissionError:
            owner = Path(f"/proc/{self.pid}").stat().st_uid
            raise CommandError(
                f"cannot stop the daemon with pid {self.pid}: it is user {owner}'s; "
                "run this as that user"
            ) from None

    def wait(self, timeout: float) -> bool:
        """Waits until it has ended, and its keeper; returns False where it has not in time."""
        return all(select.select([each], [], [], timeout)[0] for each in self._below)


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
