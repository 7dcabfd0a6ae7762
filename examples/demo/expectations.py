"""What the demo claims, held against what is found: nothing is printed that was not checked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Seconds; long enough for a loaded machine, since a step that works does not wait for it.
PATIENCE = 60.0

#: Seconds between two looks: short beside what is measured, long beside what a look costs.
STEP = 0.002


class DemoError(Exception):
    """The demo cannot go on; the message is for the person."""


class CheckError(DemoError):
    """Something is not as it was claimed to be."""

    def __init__(self, claim: str, *, expected: object, found: object) -> None:
        super().__init__(f"{claim}\n  expected: {expected}\n  found:    {found}")


class Seen(NamedTuple, Generic[T]):
    """What was waited for, and how long that took."""

    value: T
    seconds: float


def expect(claim: str, *, expected: object, found: object) -> None:
    """Checks that two values are equal.

    Raises:
        CheckError: they are not.
    """
    if found != expected:
        raise CheckError(claim, expected=expected, found=found)


def await_true(claim: str, look: Callable[[], T], holds: Callable[[T], bool]) -> Seen[T]:
    """Looks until what is seen holds; returns that and the seconds that it took.

    Raises:
        CheckError: it did not within PATIENCE.
    """
    begin = time.monotonic()
    while True:
        found = look()
        passed = time.monotonic() - begin
        if holds(found):
            return Seen(found, passed)
        if passed > PATIENCE:
            raise CheckError(claim, expected=f"within {PATIENCE:g} s", found=found)
        time.sleep(STEP)
