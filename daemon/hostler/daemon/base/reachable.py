"""Looks at paths that may lie in a folder which this user may not enter: pathlib raises there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def exists(path: Path | str) -> bool:
    """Returns whether something is there, as far as this user can see."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_file(path: Path | str) -> bool:
    """Returns whether a file is there, as far as this user can see."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: Path | str) -> bool:
    """Returns whether a folder is there, as far as this user can see."""
    return os.path.isdir(path)  # noqa: PTH112 - see above
