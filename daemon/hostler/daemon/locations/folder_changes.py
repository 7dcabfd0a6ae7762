"""Bounds the loads of code that makes files, while it loads, in a folder that its loads watch.

What a load writes itself, its process hears of. What a program writes that it starts is not heard
of, and each load would cause the next one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hostler.daemon.base.backoff import Backoff
from hostler.daemon.base.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.base.settings import Settings

#: A change that comes so soon after a load may be of a program that the load has started.
SOON_SECONDS = 2.0

#: So many loads in a row may each be followed by a change of the same folder: a user who adds files
#: one by one waits for nothing.
FREE_LOADS = 5


class FolderChanges:
    """Passes changes of folders on: at once, or where each load changes them again, after a delay.

    Changes of files that loads have read pass at once, and take with them what waits.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        pass_on: Callable[[frozenset[str]], None],
        tell: Callable[[str], None],
    ) -> None:
        """
        Args:
            pass_on: has the code loaded anew for the changed paths.
            tell: tells the user why a load waits.
        """
        self._clock = clock
        self._pass_on = pass_on
        self._tell = tell
        self._backoff = Backoff(settings, random.random)
        self._timers = Timers(clock)
        self._waiting: set[str] = set()
        #: Of the newest load: whether it goes on, when it ended, which folders have changed since.
        self._is_loading = False
        self._ended_at = -SOON_SECONDS
        self._changed: set[str] = set()
        #: How many loads in a row were followed by a change of each folder.
        self._rows: dict[str, int] = {}

    def load_begins(self) -> None:
        """Notes that a load begins: it reads all that has changed so far."""
        self._forget_waiting()
        self._rows = {folder: self._rows[folder] for folder in self._changed & self._rows.keys()}
        if all(count < FREE_LOADS for count in self._rows.values()):
            self._backoff.reset()
        self._changed.clear()
        self._is_loading = True

    def load_ended(self) -> None:
        """Notes that the load has ended, well or not."""
        self._is_loading = False
        self._ended_at = self._clock.monotonic()

    def take(self, paths: frozenset[str], was_read: Callable[[str], bool]) -> None:
        """Takes the changed paths of a location.

        Args:
            was_read: returns whether loads have read a path, or looked for it in vain.
        """
        folders = {_folder_of(path) for path in paths if path.endswith("/") or not was_read(path)}
        is_of_folders = all(path.endswith("/") or not was_read(path) for path in paths)
        self._count(folders)
        count = min((self._rows.get(folder, 0) for folder in folders), default=0)
        self._waiting |= paths
        if not is_of_folders or count < FREE_LOADS:
            self._pass_all_on()
        elif not self._timers.is_armed("load"):
            delay = self._backoff.next_delay()
            self._tell(
                f"each of the last {count} loads was followed by a change of names in "
                f"{' and '.join(sorted(folders))}, so that the next load waits {delay:.1f} s; have "
                "programs that the code starts when it is imported make their files in a folder "
                "that the code does not list"
            )
            self._timers.arm("load", delay, self._pass_all_on)

    def stop(self) -> None:
        """Passes on nothing that waits."""
        self._forget_waiting()

    def _count(self, folders: Iterable[str]) -> None:
        is_soon = self._is_loading or self._clock.monotonic() < self._ended_at + SOON_SECONDS
        for folder in folders:
            if not is_soon:
                self._rows.pop(folder, None)
            elif folder not in self._changed:
                self._rows[folder] = self._rows.get(folder, 0) + 1
                self._changed.add(folder)

    def _pass_all_on(self) -> None:
        paths = frozenset(self._waiting)
        self._forget_waiting()
        self._pass_on(paths)

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._timers.disarm("load")


def _folder_of(path: str) -> str:
    """Returns the folder of a listing, which ends in a slash, or of a file."""
    return path if path.endswith("/") else path.rpartition("/")[0] + "/"
