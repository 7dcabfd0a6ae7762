"""How long to wait before the next try."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hostler.daemon.settings import Settings


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
