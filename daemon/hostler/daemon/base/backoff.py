"""How long to wait before the next try."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hostler.daemon.base.settings import Settings


@dataclass(slots=True)
class Backoff:
    """Delays that double from try to try, with jitter, up to a limit.

    Attributes:
        random: a number in [0, 1); injected, so that a test can tell the delays.
    """

    settings: Settings
    random: Callable[[], float]
    # a power of the number of failures would overflow after some hours of them
    _delay: float = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def next_delay(self) -> float:
        """Seconds until the next try, after one more failure."""
        rule = self.settings
        delay = min(self._delay, rule.restart_max_delay)
        self._delay = delay * rule.restart_factor
        return delay * (1 + rule.restart_jitter * (2 * self.random() - 1))

    def reset(self) -> None:
        """The next failure is a first one."""
        self._delay = self.settings.restart_first_delay


class RespawnBackoff:
    """When to make anew what has died: at once the first time, later each time that follows."""

    def __init__(self, settings: Settings, random: Callable[[], float]) -> None:
        self._settings = settings
        self._backoff = Backoff(settings, random)
        self._is_first = True

    def delay(self, lived: float) -> float:
        """Seconds from a death until it is made anew.

        Args:
            lived: seconds; after `restart_reset_after` the next death is a first one.
        """
        if lived > self._settings.restart_reset_after:
            self._backoff.reset()
            self._is_first = True
        if self._is_first:
            self._is_first = False
            return 0.0
        return self._backoff.next_delay()
