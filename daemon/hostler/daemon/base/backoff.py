"""How long the daemon waits before it tries again what has failed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hostler.daemon.base.settings import Settings


@dataclass(slots=True)
class Backoff:
    """Gives delays that grow from try to try, with jitter, up to a limit.

    Attributes:
        random: returns a number in [0, 1); injected, so that a test can predict the delays.
    """

    settings: Settings
    random: Callable[[], float]
    # kept, since a power of the number of failures would overflow after some hours of them
    _delay: float = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def next_delay(self) -> float:
        """Counts one more failure; returns the seconds until the next try."""
        rule = self.settings
        delay = min(self._delay, rule.restart_max_delay)
        self._delay = delay * rule.restart_factor
        return delay * (1 + rule.restart_jitter * (2 * self.random() - 1))

    def reset(self) -> None:
        """Counts the next failure as a first one."""
        self._delay = self.settings.restart_first_delay


class RespawnBackoff:
    """Decides when a dead process is made anew: at once first, then after growing delays."""

    def __init__(self, settings: Settings, random: Callable[[], float]) -> None:
        self._settings = settings
        self._backoff = Backoff(settings, random)
        self._is_first = True

    def delay(self, lived: float) -> float:
        """Returns the seconds from a death until the process is to be made anew.

        Args:
            lived: the seconds that the process lived; above `restart_reset_after` its death
                counts as a first one.
        """
        if lived > self._settings.restart_reset_after:
            self._backoff.reset()
            self._is_first = True
        if self._is_first:
            self._is_first = False
            return 0.0
        return self._backoff.next_delay()
