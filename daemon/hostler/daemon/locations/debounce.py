"""Files that go on changing while a location loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from hostler.daemon.base.clock import Clock

#: What a load may take at least, after its files have changed, before it is given up for a new one.
PATIENCE_SECONDS = 0.25

#: While files go on changing, one load in this time is served, or in so many loads: a checkout
#: that takes longer than a load would else be seen in each of its stages.
OUTDATED_SECONDS, OUTDATED_FACTOR = 1.0, 4.0

#: Files that change so soon after each other that no editor saves them: a checkout, a formatter.
FLOOD_FILES, FLOOD_SECONDS = 8, 0.25

#: Those of a checkout rest when none has changed for this long; it writes each within a tenth.
#: Where that was too soon again and again, on a busy machine, each wait from then on is twice as
#: long as the one before, up to the longest. (From the first time on it made a checkout of 300
#: files 25 ms slower: git pauses for 20 ms now and then.)
QUIET_SECONDS, LONGEST_QUIET_SECONDS, SHORT_QUIET_PERIODS = 0.02, 0.16, 4


class Debounce:
    """Decides when to load while files change, and whether what was loaded meanwhile is served."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outdated_until = 0.0
        self._changed: set[str] = set()
        self._changed_at = 0.0
        #: When those that are waited for will have been waited for long enough.
        self._deadline: float | None = None
        #: How often they were waited for since the first of them.
        self._quiet_periods = 0
        #: What the last load took, by whether it was a fork.
        self._seconds: dict[bool, float] = {}

    @property
    def changed(self) -> AbstractSet[str]:
        """The files that have changed soon after each other; not a copy."""
        return self._changed

    def note_change(self, paths: Iterable[str]) -> None:
        """Files have changed."""
        now = self._clock.monotonic()
        if now - self._changed_at > FLOOD_SECONDS:
            self._changed.clear()
            self._quiet_periods = 0
        self._changed.update(paths)
        self._changed_at = now

    def is_flood(self) -> bool:
        """Whether so many change that a load should wait; once for each load that ends."""
        return self._deadline is None and len(self._changed) >= FLOOD_FILES

    def quiet_period(self, *, is_fork: bool) -> float:
        """Seconds to wait for the next change, until there is none or it has been long enough.

        Args:
            is_fork: whether the next load is; a new interpreter may take a hundred times as long.
        """
        now = self._clock.monotonic()
        if self._deadline is None:
            self._quiet_periods += 1
            self._deadline = now + _between_served(self._seconds.get(is_fork, 0.0))
        period: float = QUIET_SECONDS * 2 ** max(0, self._quiet_periods - SHORT_QUIET_PERIODS)
        period = min(period, LONGEST_QUIET_SECONDS)
        return max(0.0, min(period, self._deadline - now))

    def note_load(self, seconds: float, *, is_fork: bool, is_outdated: bool = False) -> None:
        """A load has ended well.

        Args:
            is_outdated: whether files have changed since it began.
        """
        self._seconds[is_fork] = seconds
        self._changed.clear()
        self._deadline = None
        if not is_outdated:
            self._quiet_periods = 0

    def note_failure(self) -> None:
        """A load has failed."""
        self._deadline = None

    def patience(self, *, is_fork: bool) -> float:
        """Seconds that an outdated load still has; of a kind that has not ended yet, the more."""
        known = max(self._seconds.values(), default=0.0)
        return max(PATIENCE_SECONDS, 2 * self._seconds.get(is_fork, known))

    def should_skip_outdated(self, seconds: float) -> bool:
        """Whether an outdated load is not to be served, since another one was just before.

        Args:
            seconds: what it took.
        """
        now = self._clock.monotonic()
        if now < self._outdated_until:
            return True
        self._outdated_until = now + _between_served(seconds)
        return False


def _between_served(seconds: float) -> float:
    return max(OUTDATED_SECONDS, OUTDATED_FACTOR * seconds)
