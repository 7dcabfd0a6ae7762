"""Retry policies: how often, and after which delay, a failed solid is executed again."""

from __future__ import annotations

from hostler.definitions._names import suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._value_object import ValueObject
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions.source import SourcePosition

#: How the delay grows from one retry to the next.
BACKOFFS = ("constant", "linear", "exponential")

#: Seconds; no delay grows above it.
LONGEST_DELAY = 24 * 3600.0


class RetryPolicy(ValueObject):
    """Says how often, and after which delay, a failed solid is executed again.

    Args:
        max_retries: at most so many times, after the first.
        delay: seconds before the first retry.
        backoff: how the delay goes on: "constant"; "linear" (the delay, twice the delay, three
            times, ...); or "exponential" (each is twice the one before). No delay grows above a
            day.

    Raises:
        DefinitionError: a number that is negative or none, or an unknown back-off.
    """

    __slots__ = ("backoff", "delay", "max_retries")

    def __init__(
        self, max_retries: int = 1, *, delay: float = 0.0, backoff: str = "constant"
    ) -> None:
        if not isinstance(max_retries, int) or isinstance(max_retries, bool) or max_retries < 0:
            raise _error("max_retries", max_retries, "expected a whole number, 0 or more")
        if (
            not isinstance(delay, (int, float))
            or isinstance(delay, bool)
            or not 0 <= delay <= LONGEST_DELAY
        ):
            expected = f"expected seconds, from 0 to {LONGEST_DELAY:.0f}"
            raise _error("delay", delay, expected)
        if backoff not in BACKOFFS:
            raise _error("backoff", backoff, suggestion(backoff, BACKOFFS))
        self.max_retries = max_retries
        self.delay = float(delay)
        self.backoff = backoff

    def delay_before(self, retry: int) -> float:
        """Seconds before a retry; the first is 1."""
        if self.backoff == "linear":
            return min(self.delay * retry, LONGEST_DELAY)
        if self.backoff == "exponential":
            doublings = min(retry - 1, 1000)  # what a float can hold
            return min(self.delay * 2.0**doublings, LONGEST_DELAY)
        return self.delay


_NEVER = RetryPolicy(0)


def check_retry_policy(what: str, policy: object, source: SourcePosition | None) -> RetryPolicy:
    """Returns the policy; for None, one that never retries.

    Raises:
        DefinitionError: it is none.
    """
    if policy is None:
        return _NEVER
    if isinstance(policy, RetryPolicy):
        return policy
    raise DefinitionError(
        f"cannot use {preview(policy)} as the retry policy of {what}: found {type_phrase(policy)}, "
        "expected RetryPolicy(max_retries, delay=..., backoff=...)",
        source,
    )


def _error(name: str, value: object, advice: str) -> DefinitionError:
    return DefinitionError(
        f"cannot make a retry policy with {name}={preview(value)}: {advice}", calling_position()
    )
