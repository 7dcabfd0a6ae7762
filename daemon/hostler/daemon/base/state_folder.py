"""The state folder of a workspace, and what an earlier version left elsewhere."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.base.journal import Journal

#: The record of runs; a folder without it holds nothing that anybody misses.
_RECORD = "runs.db"


def adopt_earlier_state(folder: Path, earlier: Path, journal: Journal) -> None:
    """Moves the state of an earlier version to `folder`, or says where it is.

    An earlier version named the folder for the daemon's socket. Where that socket was made from the
    workspace files, both names end with the same hash, and the folder is moved. Where the user had
    chosen the socket, several workspaces may have shared the folder, so it is named only.

    Args:
        folder: the state folder; where it has a record of runs already, nothing is done.
        earlier: where the earlier version kept the state.
        journal: says what was done.
    """
    if (folder / _RECORD).exists() or not (earlier / _RECORD).exists():
        return
    if earlier.name.rpartition("-")[2] != folder.name.rpartition("-")[2]:
        journal.warning(
            "an earlier version kept runs in a folder named for this socket; they are not shown",
            folder=earlier,
            to_take_them=f"stop this daemon, then: rm -r {shlex.quote(str(folder))} && "
            f"mv {shlex.quote(str(earlier))} {shlex.quote(str(folder))}",
        )
        return
    try:
        _move(earlier, folder)
    except OSError as error:
        journal.warning(
            "cannot move the state of an earlier version", folder=earlier, reason=str(error)
        )
    else:
        journal.info("moved the state of an earlier version", folder=earlier, to=folder)


def _move(source: Path, target: Path) -> None:
    """Moves what a folder holds; the record goes last, so that a move cut short is continued."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in sorted(source.iterdir(), key=lambda entry: (entry.name == _RECORD, entry.name)):
        if not (target / entry.name).exists():
            entry.rename(target / entry.name)
    with contextlib.suppress(OSError):  # something of the same name stays there
        source.rmdir()
