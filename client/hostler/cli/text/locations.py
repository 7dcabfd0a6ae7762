"""A location in words: its state, why it failed, what its last load changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.text.formats import format_duration, home_relative, seconds_since
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import LoadError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hostler.v1.workspace_pb2 import DefinitionChanges

#: How many changed definitions a line names.
MOST_NAMED = 10

_NO_MATCH = "matches no file; a change that it is to see reloads nothing"

#: What each frame of a traceback begins with.
_FRAME = '  File "'


def state_name(state: Location.State.ValueType) -> str:
    """Returns the name of a state: "READY", "FAILED", ..."""
    return Location.State.Name(state) if state else "-"


def failure_reason(location: Location) -> str:
    """Returns why the newest load failed, in one line; empty where it did not."""
    if not location.HasField("error"):
        return ""
    error = location.error
    text = error.message or LoadError.Kind.Name(error.kind)
    source = error.source
    if source.file and source.file not in text:
        # Python adds the place to a SyntaxError by itself, but without the folder.
        text = text.removesuffix(f" ({Path(source.file).name}, line {source.line})")
        text += f" ({home_relative(source.file)}:{source.line})"
    return text


def next_retry(location: Location) -> str:
    """Returns when the next load begins; empty where none is due."""
    if location.state != Location.BACKOFF or not location.HasField("retry_time"):
        return ""
    return f"next try in {format_duration(-seconds_since(location.retry_time))}"


def failure_output(location: Location) -> str:
    """Returns the traceback of the newest load and the last lines that its process printed."""
    error = location.error
    parts = []
    # A traceback without a frame, as for a missing file, says no more than the reason.
    if _FRAME in error.exception.traceback:
        parts.append(error.exception.traceback.rstrip())
    if error.output:
        parts.append("last output:\n" + "\n".join(f"| {line}" for line in error.output))
    return "\n".join(parts)


def pattern_lines(location: Location) -> list[tuple[str, bool]]:
    """Returns what each pattern under `watch` matches, and whether that is nothing."""
    return [
        (
            f"watch {home_relative(each.pattern)}: "
            + (f"{each.files} file{'s' * (each.files != 1)}" if each.files else _NO_MATCH),
            not each.files,
        )
        for each in location.watched_patterns
    ]


def unknown_location_error(name: str, there: Iterable[str]) -> CommandError:
    """Returns the error for a name that no location has; it names the nearest that are there."""
    from difflib import get_close_matches  # 2 ms that a known name does without

    wanted, names = location_id(name), [location_id(each) for each in there]
    message = f"cannot find the location {wanted}"
    if nearest := get_close_matches(wanted, names, n=3):
        return CommandError(f"{message}; did you mean {' or '.join(nearest)}?", exits.FAILED)
    return CommandError(f"{message}; there are: {', '.join(names) or 'none'}", exits.FAILED)


def changes_summary(changes: DefinitionChanges, most: int) -> str:
    """Returns what a load changed: "+ repo/new, - repo/old, ~ repo/altered"; empty for nothing.

    Args:
        changes: those of the load.
        most: how many definitions are named; the others are counted.
    """
    marks = (("+", changes.added), ("-", changes.removed), ("~", changes.altered))
    named = [f"{mark} {name}" for mark, names in marks for name in names]
    return ", ".join(first_and_count(named, most))


def first_and_count(lines: Sequence[str], most: int) -> list[str]:
    """Returns the first lines, and one that counts the others."""
    more = len(lines) - most
    return [*lines[:most], f"and {more} more"] if more > 0 else list(lines)
