from __future__ import annotations

import pytest

from hostler.cli.terminal.table import Cell, Column, table_lines
from hostler.cli.text.formats import format_duration, format_size

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
def test_spare_columns_go_until_the_table_fits(width: int, titles: int) -> None:
    lines = table_lines(COLUMNS, ROWS, width)
    assert len(lines[0].split()) == titles
    if titles > 2:
        assert max(map(len, lines)) <= width


def test_a_spare_column_without_content_is_left_out() -> None:
    assert table_lines(COLUMNS, [("a", "1", "", "z")])[0] == "NAME  N  MOST"


def test_a_colour_does_not_count_as_width() -> None:
    lines = table_lines((Column("A"), Column("B")), [(Cell("x", "red"), "y"), ("xx", "y")])
    assert lines[1] == "\x1b[31mx\x1b[0m   y"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.0124, "12 ms"),
        (0.9999, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1m 0s"),
        (320, "5m 20s"),
        (3599.9, "1h 0m"),
        (273600, "3d 4h"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (900_000, "900 kB"),
        (999_600, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (123_456_789, "123 MB"),
        (999_600_000, "1.0 GB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert format_size(count) == text
