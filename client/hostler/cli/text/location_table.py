"""The table of the locations, as `hostler ps` and `hostler up` show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.table import Cell, Column, table_lines
from hostler.cli.text.formats import (
    format_duration,
    format_size,
    home_relative,
    seconds_since,
    to_seconds,
)
from hostler.cli.text.locations import (
    MOST_NAMED,
    changes_summary,
    failure_output,
    failure_reason,
    next_retry,
    pattern_lines,
    state_name,
)
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.duration_pb2 import Duration

COLUMNS = (
    Column("LOCATION"),
    Column("STATE"),
    Column("GEN", align_right=True),
    Column("SERVING"),
    Column("PYTHON"),
    Column("PID", align_right=True, drop_order=1),
    Column("UPTIME", align_right=True, drop_order=2),
    Column("RESTARTS", align_right=True, drop_order=3),
    Column("MEMORY", align_right=True, drop_order=4),
    Column("PRIVATE", align_right=True, drop_order=5),
    Column("LOADED", drop_order=6),
    Column("INTERPRETER", drop_order=7),
)

COLORS = {
    Location.STARTING: "yellow",
    Location.READY: "green",
    Location.RELOADING: "yellow",
    Location.BACKOFF: "red",
    Location.FAILED: "red",
}

#: Indents the lines that belong to the row above them.
INDENT = "    "


def location_lines(
    locations: Sequence[Location], width: int | None, *, verbose: bool = False
) -> list[str]:
    """Returns the table of the locations; under each row why its newest load failed.

    Args:
        locations: in the order of the rows.
        width: of the terminal; None for lines of any length.
        verbose: add the full traceback, the last output and the location's settings.
    """
    head, blocks = location_blocks(locations, width, verbose=verbose)
    return [head, *(line for block in blocks for line in block)]


def location_blocks(
    locations: Sequence[Location], width: int | None, *, verbose: bool = False
) -> tuple[str, list[list[str]]]:
    """Returns the head of `location_lines`, and for each location its row and what is below it."""
    head, *rows = table_lines(COLUMNS, [_row(location) for location in locations], width)
    blocks = []
    for location, row in zip(locations, rows, strict=True):
        lines = [row]
        if reason := "; ".join(filter(None, (failure_reason(location), next_retry(location)))):
            lines += [click.style(line, fg="red") for line in _fold(reason, width)]
        warnings = [(text, True) for text in location.warnings]
        for text, is_warning in warnings + pattern_lines(location):
            color = "yellow" if is_warning else None
            lines += [click.style(line, fg=color) for line in _fold(text, width)]
        if verbose:
            lines += [INDENT + line for line in _details(location)]
        blocks.append(lines)
    return head, blocks


def _row(location: Location) -> tuple[str | Cell, ...]:
    good = location.state == Location.READY
    # A failed or reloading location that still answers does so with the last good generation.
    serving = ("yes" if good else "old") if location.serving else "no"
    running = location.pid != 0
    return (
        location_id(location.name),
        Cell(state_name(location.state), COLORS.get(location.state)),
        str(location.generation) if location.generation else "-",
        serving,
        location.python_version or "-",
        str(location.pid) if running else "-",
        format_duration(seconds_since(location.start_time))
        if running and location.HasField("start_time")
        else "-",
        str(location.restarts),
        format_size(location.memory_bytes) or "-",
        format_size(location.private_bytes) or "-",
        _loaded(location),
        home_relative(location.executable),
    )


def _loaded(location: Location) -> str:
    """Returns how long the serving load took, and how its process was made: "6 ms, forked"."""
    seconds = to_seconds(location.load_duration)
    parts = [format_duration(seconds)] if location.serving else []
    return ", ".join([*parts, *filter(None, [_start_mode(location)])]) or "-"


def _start_mode(location: Location) -> str:
    return _words(Location.StartMode.Name(location.start_mode), "START_MODE")


def _template(location: Location) -> str:
    template = location.template
    if not location.HasField("template") or not template.pid:
        return template.reason
    forks = f"{template.forks} fork{'s' * (template.forks != 1)}"
    text = f"pid {template.pid}, {format_size(template.memory_bytes)}, {forks}"
    return f"{text}, a spare with pid {template.spare_pid}" if template.spare_pid else text


def _fold(text: str, width: int | None) -> Iterable[str]:
    if width is None:
        return [INDENT + text]
    import textwrap  # 3 ms that a table without reasons does without

    return textwrap.wrap(text, width, initial_indent=INDENT, subsequent_indent=INDENT)


#: What answers while `from_before_restart` is set.
_KEPT = "with the definitions from before the daemon's restart, until the code has loaded"


def _details(location: Location) -> list[str]:
    lines = failure_output(location).splitlines() if location.HasField("error") else []
    target = location.target
    value = str(getattr(target, target.WhichOneof("target") or "", ""))
    pairs = [
        ("target", value + (f":{target.attribute}" if target.attribute else "")),
        ("working directory", target.working_directory),
        ("interpreter", location.executable),
        ("declared at", f"{location.source.file}:{location.source.line}"),
        ("answers", _KEPT if location.from_before_restart else ""),
        ("process", "; ".join(filter(None, [_start_mode(location), location.start_reason]))),
        ("template", _template(location)),
        *((f"without {name}", why) for name, why in sorted(location.template.excluded.items())),
        ("workers and runs", _words(Location.ForkMode.Name(location.fork_mode), "FORK_MODE")),
        ("because", location.fork_reason),
        ("next run", f"pid {location.standby_pid} waits" if location.standby_pid else ""),
        ("changes noticed by", _words(Location.WatchMode.Name(location.watch_mode), "WATCH_MODE")),
        ("last changes", changes_summary(location.last_changes, MOST_NAMED)),
    ]
    if location.HasField("load_duration"):
        parts = location.load_parts
        spans = {
            "until there was a process": parts.order,
            "import": getattr(parts, "import"),
            "describe": parts.describe,
        }
        listed = ", ".join(f"{name} {_milliseconds(duration)}" for name, duration in spans.items())
        pairs.append(("loaded in", f"{_milliseconds(location.load_duration)}: {listed}"))
    return lines + [f"{name}: {text}" for name, text in pairs if text and text != ":0"]


def _milliseconds(duration: Duration) -> str:
    """Returns a duration; a short one with a tenth of a millisecond, since a fork takes few."""
    seconds = to_seconds(duration)
    return f"{seconds * 1000:.1f} ms" if seconds < 0.0995 else format_duration(seconds)


def _words(name: str, unspecified: str) -> str:
    return "" if name.startswith(unspecified) else name.lower()
