"""The process of a location's last good generation, and the one that takes its place."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hostler.daemon.base.backoff import Backoff

if TYPE_CHECKING:
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.loading.failures import LoadFailure
    from hostler.daemon.loading.location_process import LocationProcess


class ServingProcess:
    """Who serves; a successor loads the same sources where that one is dead, or does not answer.

    Attributes:
        current: None where it is dead.
        successor: what is to take its place; None where nothing has to.
        failure: why the last successor failed; None once another has not.
    """

    def __init__(self, settings: Settings) -> None:
        self.current: LocationProcess | None = None
        self.successor: LocationProcess | None = None
        self.failure: LoadFailure | None = None
        self._settings = settings
        self._backoff = Backoff(settings, random.random)

    def install(self, process: LocationProcess) -> LocationProcess | None:
        """Has the process of a new generation serve; the one before, whose calls are to end."""
        retired, self.current = self.current, process
        self._backoff.reset()
        return retired

    def lose(self, lived: float) -> bool:
        """The process is dead.

        Args:
            lived: seconds since it was ready.

        Returns:
            Whether it died so soon that its successor would, too.
        """
        self.current = None
        if lived > self._settings.restart_reset_after:
            self._backoff.reset()
        return lived < self._settings.stable_after

    def fail(self, failure: LoadFailure) -> None:
        """The successor could not load."""
        self.successor = None
        self.failure = failure

    def lapse(self) -> float:
        """Nothing serves for a while; seconds until the next try."""
        self.current = None
        return self._backoff.next_delay()

    def adopt_successor(self) -> None:
        self.current, self.successor = self.successor, None
        self.failure = None

    def abort_successor(self) -> None:
        successor, self.successor = self.successor, None
        if successor:
            successor.abort()

    def end(self) -> None:
        """Ends the process that serves."""
        current, self.current = self.current, None
        if current:
            current.abort()
