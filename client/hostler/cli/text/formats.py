"""Times, durations, sizes and paths as people read them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp


def format_size(count: int) -> str:
    """Returns bytes in words: "12.3 MB"; empty for none."""
    if count <= 0:
        return ""
    if count < 999_500:
        return f"{count / 1000:.0f} kB"
    if count < 999_500_000:
        return f"{count / 1e6:.1f} MB" if count < 99_950_000 else f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"


def format_duration(seconds: float) -> str:
    """Returns a duration in its two greatest units: "12 ms", "3.2 s", "5m 20s", "3d 4h"."""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {rest}s"


def to_seconds(duration: Duration) -> float:
    """Returns a duration in seconds."""
    return duration.seconds + duration.nanos / 1e9


def seconds_since(timestamp: Timestamp) -> float:
    """Returns the seconds since a time."""
    return time.time() - timestamp.seconds - timestamp.nanos / 1e9


def format_time(timestamp: Timestamp) -> str:
    """Returns the local time of day, to the millisecond: "14:03:22.120"."""
    local = time.strftime("%H:%M:%S", time.localtime(timestamp.seconds))
    return f"{local}.{timestamp.nanos // 1_000_000:03d}"


def format_date(timestamp: Timestamp) -> str:
    """Returns the local date and time: "2026-11-22 14:03:22"; empty for none."""
    if not timestamp.seconds:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(timestamp.seconds))


def home_relative(path: str) -> str:
    """Returns a path with the home folder as ~."""
    home = os.path.expanduser("~")  # noqa: PTH111 - for each of a thousand rows, where Path is slow
    return "~" + path[len(home) :] if home != "/" and path.startswith(home + "/") else path
