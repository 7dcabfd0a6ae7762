"""The names nearest to one that is unknown, within a bounded time."""

from __future__ import annotations

import difflib
import heapq
import os
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Names that are looked at: each takes a third of a microsecond.
MAX_NAMES = 20_000

#: Pairs of characters that are compared: some milliseconds.
MAX_PAIRS = 60_000

#: Names that are compared however long they are.
MIN_COMPARED = 16

#: Characters of a name that anybody mistypes rather than makes up.
MAX_LENGTH = 200


def near_names(wanted: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Returns the names that resemble the wanted one most; none for a very long one.

    Of many names only those are compared that share a third with it: one slip leaves two of its
    thirds as they are, two slips one.
    """
    if not wanted or len(wanted) > MAX_LENGTH:
        return []
    names = [name for name in islice(known, MAX_NAMES) if len(name) <= 2 * MAX_LENGTH]
    if sum(map(len, names)) * len(wanted) > MAX_PAIRS:
        names = _likely(wanted, names)
    return difflib.get_close_matches(wanted, names, n=count, cutoff=0.5)


def _likely(wanted: str, names: list[str]) -> list[str]:
    # what all begin with tells none from another
    common = os.path.commonprefix([wanted, min(names), max(names)])  # noqa: RUF071 (no paths)
    start = len(common)
    rest = wanted[start:] or wanted
    third = max(1, len(rest) // 3)
    head, middle, tail = rest[:third], rest[third:-third] or rest, rest[-third:]
    length = len(wanted)

    def unlikeliness(name: str) -> tuple[int, int]:
        shared = name.startswith(head, start) + name.endswith(tail) + (middle in name)
        return -shared, abs(len(name) - length)

    room = max(MIN_COMPARED, MAX_PAIRS // (length * length))
    return heapq.nsmallest(room, names, key=unlikeliness)
