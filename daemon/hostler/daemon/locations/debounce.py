"""Debouncing: when a location loads while its files go on changing, as in a checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from hostler.daemon.base.clock import Clock

#: How long a load goes on, at least, after its files have changed, before a new one replaces it.
PATIENCE_SECONDS = 0.25

#: While files go on changing, one outdated load is served in this time, or in as many times its
#: duration: clients would otherwise see many stages of a checkout that takes longer than a load.
OUTDATED_SECONDS, OUTDATED_FACTOR = 1.0, 4.0

#: So many files that change with no longer pause than that are a flood: a checkout or a formatter
#: writes them, no editor.
FLOOD_FILES, FLOOD_SECONDS = 8, 0.25

#: A flood is over when no file has changed for the quiet period; a checkout writes each file within
#: a tenth of it. If that was too soon several times, as on a busy machine, each further period is
#: twice as long as the one before, up to the longest. (To double them from the first one on made a
#: checkout of 300 files 25 ms slower: git pauses for 20 ms now and then.)
QUIET_SECONDS, LONGEST_QUIET_SECONDS, SHORT_QUIET_PERIODS = 0.02, 0.16, 4


class Debounce:
    """Decides when to load while files change, and whether to serve a load that is outdated."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outdated_until = 0.0
        self._changed: set[str] = set()
        self._changed_at = 0.0
        #: When the load begins even if files go on changing; None while no load waits.
        self._deadline: float | None = None
        #: How many quiet periods a load has waited for in this flood.
        self._quiet_periods = 0
        #: How long the last load took, by whether it was a fork.
        self._seconds: dict[bool, float] = {}

    @property
    def changed(self) -> AbstractSet[str]:
        """The files that have changed in this flood; not a copy."""
        return self._changed

    def note_change(self, paths: Iterable[str]) -> None:
        """Notes that files have changed."""
        now = self._clock.monotonic()
        if now - self._changed_at > FLOOD_SECONDS:
            self._changed.clear()
            self._quiet_periods = 0
        self._changed.update(paths)
        self._changed_at = now

    def is_flood(self) -> bool:
        """Returns whether so many files change that a load should wait; once for each load."""
        return self._deadline is None and len(self._changed) >= FLOOD_FILES

    def quiet_period(self, *, is_fork: bool) -> float:
        """Returns the seconds without a change after which the load may begin.

        They get fewer as the load waits, so that it begins even if files go on changing.

        Args:
            is_fork: whether the next load is a fork; a new interpreter may take 100 times as long.
        """
        now = self._clock.monotonic()
        if self._deadline is None:
            self._quiet_periods += 1
            self._deadline = now + _between_served(self._seconds.get(is_fork, 0.0))
        period: float = QUIET_SECONDS * 2 ** max(0, self._quiet_periods - SHORT_QUIET_PERIODS)
        period = min(period, LONGEST_QUIET_SECONDS)
        return max(0.0, min(period, self._deadline - now))

    def note_load(self, seconds: float, *, is_fork: bool, is_outdated: bool = False) -> None:
        """Notes that a load has succeeded.

        Args:
            seconds: how long it took.
            is_outdated: whether files have changed since it began.
        """
        self._seconds[is_fork] = seconds
        self._changed.clear()
        self._deadline = None
        if not is_outdated:
            self._quiet_periods = 0

    def note_failure(self) -> None:
        """Notes that a load has failed."""
        self._deadline = None

    def patience(self, *, is_fork: bool) -> float:
        """Returns how many seconds an outdated load may go on.

        Args:
            is_fork: whether the load is a fork; if none like it has ended yet, the others count.
        """
        known = max(self._seconds.values(), default=0.0)
        return max(PATIENCE_SECONDS, 2 * self._seconds.get(is_fork, known))

    def should_skip_outdated(self, seconds: float) -> bool:
        """Returns whether an outdated load is not served, since another one was served just before.

        Args:
            seconds: how long the load took.
        """
        now = self._clock.monotonic()
        if now < self._outdated_until:
            return True
        self._outdated_until = now + _between_served(seconds)
        return False


def _between_served(seconds: float) -> float:
    return max(OUTDATED_SECONDS, OUTDATED_FACTOR * seconds)
