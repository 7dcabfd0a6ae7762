"""Locations in words: a row of a table, the reason for a failure, a change."""

from __future__ import annotations

import textwrap
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError, say
from hostler.cli.terminal.table import Cell, Column, table_lines
from hostler.cli.text.formats import (
    format_duration,
    format_size,
    format_time,
    home_relative,
    seconds_since,
    to_seconds,
)
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import LoadError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.duration_pb2 import Duration

    from hostler.client.client import Client
    from hostler.v1.workspace_pb2 import DefinitionChanges, WorkspaceChange, WorkspaceProblem

#: Definitions that a line names of what has changed.
MOST_NAMED = 10

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

#: Under a row, so that it is seen to belong to it.
INDENT = "    "

#: What each frame of a traceback begins with.
_FRAME = '  File "'


def state_name(state: Location.State.ValueType) -> str:
    """READY, FAILED, ..."""
    return Location.State.Name(state) if state else "-"


def location_lines(
    locations: Sequence[Location], width: int | None, *, verbose: bool = False
) -> list[str]:
    """The table of the locations; under each row why its newest load failed.

    Args:
        locations: in the order of the rows.
        width: of the terminal; None for lines of any length.
        verbose: with the full traceback, the last output and how the location is kept.
    """
    head, *rows = table_lines(COLUMNS, [_row(location) for location in locations], width)
    lines = [head]
    for location, row in zip(locations, rows, strict=True):
        lines.append(row)
        if reason := "; ".join(filter(None, (failure_reason(location), next_retry(location)))):
            lines += [click.style(line, fg="red") for line in _fold(reason, width)]
        if verbose:
            lines += [INDENT + line for line in _details(location)]
    return lines


def failure_reason(location: Location) -> str:
    """Why the newest load failed, in one line; empty where it did not."""
    if not location.HasField("error"):
        return ""
    error = location.error
    text = error.message or LoadError.Kind.Name(error.kind)
    source = error.source
    if source.file and source.file not in text:
        # Python itself says it of a SyntaxError, without the folder.
        text = text.removesuffix(f" ({Path(source.file).name}, line {source.line})")
        text += f" ({home_relative(source.file)}:{source.line})"
    return text


def next_retry(location: Location) -> str:
    """When the next load begins; empty where none is due."""
    if location.state != Location.BACKOFF or not location.HasField("retry_time"):
        return ""
    return f"next try in {format_duration(-seconds_since(location.retry_time))}"


def failure_output(location: Location) -> str:
    """The traceback of the newest load and the last lines that its process printed."""
    error = location.error
    parts = []
    # One without a frame, as of a missing file, says no more than the reason.
    if _FRAME in error.exception.traceback:
        parts.append(error.exception.traceback.rstrip())
    if error.output:
        parts.append("last output:\n" + "\n".join(f"| {line}" for line in error.output))
    return "\n".join(parts)


def change_lines(change: WorkspaceChange) -> list[str]:
    """A change in lines for a log."""
    time = format_time(change.time)
    kind = change.WhichOneof("change")
    if kind == "removed_location":
        reason = f": {change.reason}" if change.reason else ""
        return [f"{time} {location_id(change.removed_location)} removed{reason}"]
    if kind == "workspace":
        lines = [f"{time} workspace: {change.reason}"] if change.reason else []
        lines += [f"{time} {problem_text(problem)}" for problem in change.workspace.problems]
        return lines + [f"{time} {_line(location)}" for location in change.workspace.locations]
    return [f"{time} {_line(change.location, change.old_state, change.reason)}"]


def unknown_location_error(name: str, there: Iterable[str]) -> CommandError:
    """There is no location of that name, but these are there: resource names all."""
    wanted, names = location_id(name), [location_id(each) for each in there]
    message = f"cannot find the location {wanted}"
    if nearest := get_close_matches(wanted, names, n=3):
        return CommandError(f"{message}; did you mean {' or '.join(nearest)}?", exits.FAILED)
    return CommandError(f"{message}; there are: {', '.join(names) or 'none'}", exits.FAILED)


def changes_summary(changes: DefinitionChanges, most: int) -> str:
    """What a load changed: "+ repo/new, - repo/old, ~ repo/altered"; empty for nothing.

    Args:
        most: how many are named; the others are counted.
    """
    marks = (("+", changes.added), ("-", changes.removed), ("~", changes.altered))
    return ", ".join(
        first_and_count([f"{mark} {name}" for mark, names in marks for name in names], most)
    )


def first_and_count(lines: Sequence[str], most: int) -> list[str]:
    """So many of the lines, and one that counts the others."""
    more = len(lines) - most
    return [*lines[:most], f"and {more} more"] if more > 0 else list(lines)


def _line(
    location: Location,
    old: Location.State.ValueType = Location.STATE_UNSPECIFIED,
    reason: str = "",
) -> str:
    states = [state_name(state) for state in (old, location.state) if state]
    parts = [" -> ".join(dict.fromkeys(states))]
    if location.state == Location.READY:
        parts.append(f"generation {location.generation}")
        if reason == "loaded":  # what a process brought back has changed nothing
            parts.append(changes_summary(location.last_changes, MOST_NAMED))
    failed = (
        failure_reason(location) if location.state in (Location.FAILED, Location.BACKOFF) else ""
    )
    if reason not in failed:
        parts.append(reason)
    parts.append(failed)
    if failed and location.serving:
        parts.append(f"generation {location.generation} answers")
    return f"{location_id(location.name)} {'; '.join(filter(None, parts))}"


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
    """How long the generation that answers took, and how the process came to be: "6 ms, forked"."""
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
    return textwrap.wrap(text, width, initial_indent=INDENT, subsequent_indent=INDENT)


def _details(location: Location) -> list[str]:
    lines = failure_output(location).splitlines() if location.HasField("error") else []
    target = location.target
    value = str(getattr(target, target.WhichOneof("target") or "", ""))
    pairs = [
        ("target", value + (f":{target.attribute}" if target.attribute else "")),
        ("working directory", target.working_directory),
        ("interpreter", location.executable),
        ("declared at", f"{location.source.file}:{location.source.line}"),
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
    """A fork is a matter of few of them."""
    seconds = to_seconds(duration)
    return f"{seconds * 1000:.1f} ms" if seconds < 0.0995 else format_duration(seconds)


def _words(name: str, unspecified: str) -> str:
    return "" if name.startswith(unspecified) else name.lower()


#: Said after what is wrong with the workspace files.
LAST_VALID_SERVES = "the last valid workspace goes on until that is mended"


def say_problems(client: Client) -> bool:
    """Says what is wrong with the workspace files, if the daemon goes on with older ones."""
    problems = client.workspace().problems
    for problem in problems:
        say("the workspace file is not valid, the last valid one goes on: " + problem_text(problem))
    return bool(problems)


def problem_text(problem: WorkspaceProblem) -> str:
    """What is wrong with a workspace file, and where."""
    place = f":{problem.line}:{problem.column}" if problem.line else ""
    return f"{problem.file}{place}: {problem.message}"


def say_if_outdated(location: Location) -> None:
    """Says that the code on disk is not the one that answers."""
    if location.HasField("error") and location.serving:
        say(
            f"{location_id(location.name)}: the newest code does not load, generation "
            f"{location.generation} answers: {failure_reason(location)}"
        )
