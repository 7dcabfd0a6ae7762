"""Timeouts: how long one attempt of a solid may take."""

from __future__ import annotations

from hostler.definitions._names import type_phrase
from hostler.definitions._preview import preview
from hostler.definitions.errors import DefinitionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions.source import SourcePosition

#: Seconds; what a Duration, and a sum with the clock, can surely hold: a hundred years.
LONGEST = 100 * 365 * 24 * 3600.0


def check_timeout(what: str, timeout: object, source: SourcePosition | None) -> float | None:
    """Returns the timeout in seconds; None for no limit.

    Raises:
        DefinitionError: it is no positive number.
    """
    if timeout is None:
        return None
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        if 0 < timeout <= LONGEST:
            return float(timeout)
        problem = "expected seconds above 0; leave it out for none"
    else:
        problem = f"found {type_phrase(timeout)}, expected seconds"
    raise DefinitionError(
        f"cannot use {preview(timeout)} as the timeout of {what}: {problem}", source
    )
