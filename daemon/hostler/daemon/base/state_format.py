"""The version of the state folder: a folder that a newer hostler has written is not touched."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Below the state folder.
FILE = "format.json"

#: One higher with each change that an older hostler would misread, or would damage. The record of
#: runs has a version of its own beside it.
FORMAT = 1


class StateFolderError(Exception):
    """The state folder cannot be used; the message says why and what to do."""


def require_readable(folder: Path) -> None:
    """Makes the folder, or finds that this version can use it, before anything in it is written.

    Raises:
        StateFolderError: a newer hostler has written it, or what says so cannot be read.
        OSError: it cannot be made.
    """
    path = folder / FILE
    try:
        said = json.loads(path.read_bytes()[:10_000])
        found, written_by = said["format"], said["hostler"]
    except FileNotFoundError:
        _write(path)
        return
    except (ValueError, TypeError, KeyError) as error:
        raise StateFolderError(
            f"cannot use the state folder {folder}: {FILE} in it does not say which version has "
            f"written it ({error!r}); restore it from a backup, remove it if no newer hostler has "
            "used the folder, or name another folder with --state"
        ) from error
    if not isinstance(found, int) or found > FORMAT:
        raise StateFolderError(
            f"cannot use the state folder {folder}: hostler {written_by} has written it in format "
            f"{found}, and this hostler ({_version()}) knows formats up to {FORMAT}; nothing was "
            "changed in it; use that version again, or name another folder with --state"
        )


def _version() -> str:
    from importlib.metadata import version  # a tenth of a start, which the usual one does without

    return version("hostler")


def _write(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{FILE}.new")
    temporary.write_text(json.dumps({"format": FORMAT, "hostler": _version()}), encoding="ascii")
    os.replace(temporary, path)  # noqa: PTH105 (as quick as it is)
