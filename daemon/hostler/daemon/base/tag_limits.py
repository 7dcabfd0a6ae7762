"""The setting that limits how many runs with a tag are active at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG_LIMIT = re.compile(r"(?P<key>[^=:,]+)(?:=(?P<value>[^,]*))?:(?P<limit>\d+)")


@dataclass(frozen=True, slots=True)
class TagLimit:
    """Limits how many runs with a tag may be active at once.

    Attributes:
        value: the tag's value; None if each value has a limit of its own.
    """

    key: str
    value: str | None
    limit: int


def parse_tag_limits(text: str) -> tuple[TagLimit, ...]:
    """Reads `KEY=VALUE:N,KEY:N`.

    Raises:
        ValueError: the text is not of that form; the message says what was expected.
    """
    limits = []
    for part in filter(None, map(str.strip, text.split(","))):
        match = _TAG_LIMIT.fullmatch(part)
        if match is None:
            raise ValueError(f"expected KEY=VALUE:N or KEY:N, found {part!r}")
        limit = int(match["limit"])
        if limit < 1:
            raise ValueError(f"expected a limit of at least 1, found {part!r}")
        limits.append(TagLimit(match["key"], match["value"], limit))
    return tuple(limits)
