"""The changes of the workspace as lines of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.cli.text.formats import format_time
from hostler.cli.text.locations import MOST_NAMED, changes_summary, failure_reason, state_name
from hostler.cli.text.problems import problem_text
from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from hostler.v1.workspace_pb2 import WorkspaceChange


def change_lines(change: WorkspaceChange) -> list[str]:
    """Returns a change as lines of a log."""
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


def _line(
    location: Location,
    old: Location.State.ValueType = Location.STATE_UNSPECIFIED,
    reason: str = "",
) -> str:
    states = [state_name(state) for state in (old, location.state) if state]
    parts = [" -> ".join(dict.fromkeys(states))]
    if location.state == Location.READY:
        parts.append(f"generation {location.generation}")
        if reason == "loaded":  # a revival loads what was there before
            parts.append(changes_summary(location.last_changes, MOST_NAMED))
    has_failed = location.state in (Location.FAILED, Location.BACKOFF)
    failed = failure_reason(location) if has_failed else ""
    if reason not in failed:
        parts.append(reason)
    parts.append(failed)
    if failed and location.serving:
        parts.append(f"generation {location.generation} answers")
    return f"{location_id(location.name)} {'; '.join(filter(None, parts))}"
