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
    # by column, since a table of a thousand rows has the same few texts in most of them
    contents = [[_cell(row[index]) for row in rows] for index in range(len(columns))]
    widths = [
        max(map(display_width, {column.title, *(text for text, _ in cells)}))
        for column, cells in zip(columns, contents, strict=True)
    ]
    kept = [
        index
        for index, column in enumerate(columns)
        if not column.drop_order or any(text for text, _ in contents[index])
    ]
    while width is not None and sum(widths[index] + 2 for index in kept) - 2 > width:
        index = max(kept, key=lambda index: columns[index].drop_order)
        if not columns[index].drop_order:
            break
        kept.remove(index)
    padded = [_pad([Cell(columns[i].title), *contents[i]], columns[i], widths[i]) for i in kept]
    return ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]


def _cell(content: str | Cell) -> Cell:
    return Cell(content) if isinstance(content, str) else content


def _pad(cells: Sequence[Cell], column: Column, width: int) -> list[str]:
    """Returns the texts of a column, with their colours, each as wide as the column."""
    padded: dict[Cell, str] = {}
    for cell in cells:
        if cell not in padded:
            text, color = cell
            space = " " * (width - display_width(text))
            shown = text if color is None else click.style(text, fg=color)
            padded[cell] = space + shown if column.align_right else shown + space
    return [padded[cell] for cell in cells]


def display_width(text: str) -> int:
    """Returns the columns that a text takes in a terminal, where its colours take none."""
    if "\x1b" in text:
        text = click.unstyle(text)
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
