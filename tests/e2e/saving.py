"""The ways in which editors save a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Save = Callable[[Path, str], None]


def write_in_place(path: Path, text: str) -> None:
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def truncate_and_write(path: Path, text: str) -> None:
    path.write_text(text)


def rename_over(path: Path, text: str) -> None:
    temporary = path.with_name(".repos.py.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def delete_and_recreate(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def move_away_and_write(path: Path, text: str) -> None:
    """Saves as vim does with `backupcopy=no`."""
    backup = path.with_name("repos.py~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def move_away_and_rename(path: Path, text: str) -> None:
    """Saves as a careful editor: the name is free for a moment, then the whole file is there."""
    temporary, backup = path.with_name(".repos.py.new"), path.with_name("repos.py.bak")
    temporary.write_text(text)
    path.rename(backup)
    temporary.rename(path)


#: All ways to save.
STYLES: tuple[Save, ...] = (
    write_in_place,
    truncate_and_write,
    rename_over,
    delete_and_recreate,
    move_away_and_write,
    move_away_and_rename,
)
