"""The advice where a file imports what lies beside or above it, in a folder that is on no path."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

#: Folders above a file that are looked at: more levels than projects have.
_LEVELS = 6


def missing_module_hint(missing: str | None, source: Mapping[str, object] | None) -> str:
    """Returns what to do about a module that was not found and lies in a folder above the file.

    Args:
        missing: the dotted name that was not found.
        source: {"file", "line"} of the import.

    Returns:
        A clause that begins with "; ", or "".
    """
    if not missing or source is None:
        return ""
    file = str(source["file"])
    folder = _holder(missing, os.path.dirname(file))
    if folder is None:
        return ""
    own = os.path.relpath(file, folder)[: -len(".py")].split(os.sep)
    if own[0] == missing.partition(".")[0] and all(part.isidentifier() for part in own):
        if own[-1] == "__init__":
            own.pop()
        return (
            f"; {file} lies in that package and was loaded by its path: name it as python_module "
            f"{'.'.join(own)}, or set working_directory to {folder}"
        )
    return f"; it lies in {folder}: set working_directory to that folder"


def _holder(missing: str, folder: str) -> str | None:
    """Returns the nearest folder from this one upwards that holds the module and is on no path."""
    known = {os.path.realpath(entry) for entry in sys.path if isinstance(entry, str)}
    inner = missing.replace(".", os.sep)
    for _ in range(_LEVELS):
        folder, below = os.path.dirname(folder), folder
        if folder in (below, os.sep):
            return None
        is_known = os.path.realpath(folder) in known
        if not is_known and _is_module(os.path.join(folder, inner)):
            return folder
    return None


def _is_module(stem: str) -> bool:
    if os.path.isfile(stem + ".py"):
        return True
    try:
        names = os.listdir(stem)
    except OSError:
        return False
    return any(name.endswith(".py") for name in names)
