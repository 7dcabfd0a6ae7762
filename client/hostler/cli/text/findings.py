"""The findings of `hostler doctor` as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STYLES = {"ok": ("ok", "green"), "warning": ("WARN", "yellow"), "problem": ("BAD", "red")}


class Finding(TypedDict):
    """What was found; see hostler.daemon.diagnosis.findings."""

    check: str
    level: Literal["ok", "warning", "problem"]
    message: str
    remedy: str


def finding_lines(found: Sequence[Finding]) -> Iterator[str]:
    """Yields the lines: each finding, its remedy below it, and how many there are of which kind."""
    width = max((len(finding["check"]) for finding in found), default=0)
    for finding in found:
        word, color = _STYLES[finding["level"]]
        check = finding["check"].ljust(width)
        yield f"{click.style(word.ljust(4), fg=color)}  {check}  {finding['message']}"
        if finding["remedy"]:
            yield f"{'':<6}{'':<{width}}  -> {finding['remedy']}"
    problems = sum(finding["level"] == "problem" for finding in found)
    warnings = sum(finding["level"] == "warning" for finding in found)
    yield f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
