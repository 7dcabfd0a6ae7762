"""Durations and times on the command line: callbacks of options."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Returns the seconds of "90", "90s", "5m", "2h" or "3d"; None where nothing is given."""
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is None:
        raise click.BadParameter(
            f"cannot read {value!r} as a time span; give it as 90s, 5m, 2h or 3d"
        )
    return seconds


def parse_time(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> datetime | None:
    """Returns the local time of "2026-11-22", "2026-11-22 14:03", or "2h" ago; None for nothing."""
    if value is None:
        return None
    try:
        seconds = _seconds(value)
        if seconds is not None:
            return datetime.now().astimezone() - timedelta(seconds=seconds)
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"cannot read {value!r} as a time; give it as 2026-11-22, "
            "'2026-11-22 14:03', or as how long ago: 2h, 3d"
        ) from None


def _seconds(text: str) -> float | None:
    match = _SPAN.fullmatch(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None
