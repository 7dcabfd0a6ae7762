"""Plain tables: fast, and the same in a terminal and in a pipe."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


class Column(NamedTuple):
    """Describes a column of a table."""

    title: str
    #: Numbers are aligned to the right.
    align_right: bool = False
    #: Where the table is too wide, the column with the highest number goes first; 0 never does.
    drop_order: int = 0


class Cell(NamedTuple):
    """Holds a text of a table, with its colour."""

    text: str
    color: str | None = None


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], width: int | None = None
) -> list[str]:
    """Returns the lines of a table: its head, then a line for each row.

    Args:
        columns: those that are empty in every row are left out.
        rows: a text for each column.
        width: leave out spare columns until no line is longer.
    """
    cells = [[Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = [
        max([display_width(column.title), *(display_width(row[index].text) for row in cells)])
        for index, column in enumerate(columns)
    ]
    kept = [
        index
        for index, column in enumerate(columns)
        if not column.drop_order or any(row[index].text for row in cells)
    ]
    while width is not None and sum(widths[index] + 2 for index in kept) - 2 > width:
        index = max(kept, key=lambda index: columns[index].drop_order)
        if not columns[index].drop_order:
            break
        kept.remove(index)

    def line(row: Sequence[Cell]) -> str:
        parts = []
        for index in kept:
            space = " " * (widths[index] - display_width(row[index].text))
            text = row[index].text
            if row[index].color is not None:
                text = click.style(text, fg=row[index].color)
            parts.append(space + text if columns[index].align_right else text + space)
        return "  ".join(parts).rstrip()

    return [line([Cell(column.title) for column in columns]), *map(line, cells)]


def display_width(text: str) -> int:
    """Returns the columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
