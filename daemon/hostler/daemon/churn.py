"""Files that go on changing while a location loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.clock import Clock

#: What a load may take at least, after its files have changed, before it is given up for a new one.
PATIENCE_SECONDS = 0.25

#: Of loads whose files changed meanwhile, one in this time is served, or in so many loads: a
#: checkout that takes longer than a load would else be seen in each of its stages.
OUTDATED_SECONDS, OUTDATED_FACTOR = 1.0, 4.0


class Churn:
    """Decides how long a load is waited for whose files have changed, and whether it is served."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outdated_until = 0.0

    def patience(self, usual: float) -> float:
        """Seconds that an outdated load still has.

        Args:
            usual: what a load takes, in seconds.
        """
        return max(PATIENCE_SECONDS, 2 * usual)

    def is_one_of_many(self, seconds: float) -> bool:
        """Whether an outdated load is not to be served, since another one was just before.

        Args:
            seconds: what it took.
        """
        now = self._clock.monotonic()
        if now < self._outdated_until:
            return True
        self._outdated_until = now + max(OUTDATED_SECONDS, OUTDATED_FACTOR * seconds)
        return False
