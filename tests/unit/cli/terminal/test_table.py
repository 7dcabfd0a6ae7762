from __future__ import annotations

import click
import pytest

from hostler.cli.terminal.table import Cell, Column, table_lines

COLUMNS = (
    Column("NAME"),
    Column("N", align_right=True),
    Column("MORE", drop_order=1),
    Column("MOST", drop_order=2),
)
ROWS = [("a", "1", "x" * 10, "y" * 10), ("日本", "10", "x", "y")]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table_lines(COLUMNS, ROWS) == [
        "NAME   N  MORE        MOST",
        "a      1  xxxxxxxxxx  yyyyyyyyyy",
        "日本  10  x           y",
    ]


@pytest.mark.parametrize(("width", "titles"), [(32, 4), (31, 3), (20, 3), (19, 2), (3, 2)])
def test_columns_are_dropped_until_the_table_fits(width: int, titles: int) -> None:
    lines = table_lines(COLUMNS, ROWS, width)
    assert len(lines[0].split()) == titles
    if titles > 2:
        assert max(map(len, lines)) <= width


def test_a_column_that_may_be_dropped_and_is_without_content_is_left_out() -> None:
    assert table_lines(COLUMNS, [("a", "1", "", "z")])[0] == "NAME  N  MOST"


def test_a_colour_does_not_count_as_width() -> None:
    lines = table_lines((Column("A"), Column("B")), [(Cell("x", "red"), "y"), ("xx", "y")])
    assert lines[1] == "\x1b[31mx\x1b[0m   y"


def test_colours_take_no_room() -> None:
    columns = (Column("STATE"), Column("CRON"))
    rows = [(click.style("RUNNING", fg="green"), "* * * * *"), ("STOPPED", "0 6 * * *")]
    lines = [click.unstyle(line) for line in table_lines(columns, rows)]
    assert len({line.find("*") for line in lines[1:2]} | {lines[0].find("CRON")}) == 1
    assert lines[2].find("0 6") == lines[0].find("CRON")
