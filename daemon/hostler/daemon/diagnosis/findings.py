"""What a check has found: good, or with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        check: what was looked at, as "descriptors".
        level: "problem" for what keeps a location or the daemon from working; "warning" for what
            makes it slower, or will be a problem later.
        message: what was found, with its object.
        remedy: what to do; empty where all is good.
    """

    check: str
    level: Level
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    """Makes a finding that all is good."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """Makes a finding of what is not as it should be."""
    return Finding(check, "warning", message, remedy)


def problem(check: str, message: str, remedy: str) -> Finding:
    """Makes a finding of what stands in the way."""
    return Finding(check, "problem", message, remedy)
