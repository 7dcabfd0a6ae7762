"""What the end of a daemon does to its runs, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.cli.text.runs import short_ids
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Runs that the end of the daemon interrupts.
UNDER_WAY = (Run.RUNNING, Run.CANCELING)

#: Runs that have not ended.
ACTIVE = (*UNDER_WAY, Run.QUEUED)

#: How many runs are named.
_MOST_NAMED = 5


def stop_effects(runs: Sequence[Run]) -> str:
    """Returns what a stop does to runs in ACTIVE states, as the end of a sentence, or nothing."""
    active = [run for run in runs if run.state in UNDER_WAY]
    queued = sum(run.state == Run.QUEUED for run in runs)
    parts = []
    if active:
        named = ", ".join(short_ids(active[:_MOST_NAMED]))
        more = len(active) - _MOST_NAMED
        named += f" and {more} more" if more > 0 else ""
        one = len(active) == 1
        parts.append(
            f"{len(active)} run{'' if one else 's'} under way {'is' if one else 'are'} "
            f"interrupted and not continued ({named})"
        )
    if queued:
        parts.append(
            f"{queued} queued one{'' if queued == 1 else 's'} "
            f"start{'s' if queued == 1 else ''} with the next daemon"
        )
    return ": " + "; ".join(parts) if parts else ""
