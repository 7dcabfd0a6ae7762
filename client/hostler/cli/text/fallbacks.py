"""What a running daemon does in a slower way than it could, and why, as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.client.names import location_id
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostler.cli.text.findings import Finding

#: What the words of a reason mean for who wants it otherwise; the first that fits counts.
_REMEDIES = (
    ("fork: never", "take `fork: never` out of workspace.yaml, if it is not needed any more"),
    ("thread", "start threads in functions, not at import"),
    ("descriptor", "open files and connections in functions, not at import"),
    ("child process", "start processes in functions, not at import"),
)
_MORE = "docs/reload.md says what a fork does not bear; all works, only slower"


def fallbacks(locations: Iterable[Location]) -> list[Finding]:
    """Returns a finding for each location that is polled, or whose processes are not forked."""
    found: list[Finding] = []
    for location in locations:
        name = location_id(location.name)
        if location.watch_mode == Location.POLLING:
            message = f"{name}: its files are polled, since inotify does not work for some of them"
            remedy = "see the findings of inotify; a local disk, or more watches"
            found.append(_warning("watching", message, remedy))
        if location.fork_mode in (Location.SPAWN, Location.TEMPLATE) and location.fork_reason:
            how = "spawned" if location.fork_mode == Location.SPAWN else "forked from the template"
            message = f"{name}: workers and runs are {how}: {location.fork_reason}"
            found.append(_warning("forks", message, _remedy(location.fork_reason)))
        elif location.template.reason:
            message = f"{name}: loads are not forked: {location.template.reason}"
            found.append(_warning("forks", message, _remedy(location.template.reason)))
    if not found:
        message = "the running daemon forks and watches all locations as it should"
        found.append({"check": "daemon", "level": "ok", "message": message, "remedy": ""})
    return found


def _warning(check: str, message: str, remedy: str) -> Finding:
    return {"check": check, "level": "warning", "message": message, "remedy": remedy}


def _remedy(reason: str) -> str:
    return next((remedy for word, remedy in _REMEDIES if word in reason), _MORE)
