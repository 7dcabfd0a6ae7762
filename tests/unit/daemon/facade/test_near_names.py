"""The nearest of many names, for a bounded amount of work."""

from __future__ import annotations

import pytest
from unit.line_count import counted_lines

from hostler.daemon.facade.near_names import near_names

MANY = [f"pipeline_{number:05}" for number in range(10_000)]
LONG = [f"{'department_of_everything_' * 6}{number:05}" for number in range(10_000)]

#: To compare all of 10,000 names takes 5,900,000.
LINES = 500_000


@pytest.mark.parametrize(
    ("wanted", "known", "near"),
    [
        ("alpah", ["alpha", "beta"], "alpha"),
        ("piepline_01234", MANY, "pipeline_01234"),
        ("pipelinr_01234", MANY, "pipeline_01234"),
        ("pipelin_01234", MANY, "pipeline_01234"),
        ("pipeline__01234", MANY, "pipeline_01234"),
        ("ipeline_09999", MANY, "pipeline_09999"),
        ("Pipeline_00000", MANY, "pipeline_00000"),
        ("qqqq", MANY, None),
        ("", MANY, None),
        ("p" * 10_000_000, MANY, None),
        ("pipeline_0123", ["x" * 10_000_000, "pipeline_01234"], "pipeline_01234"),
        (LONG[7777][:-6] + LONG[7777][-5:], LONG, LONG[7777]),
    ],
)
def test_the_nearest(wanted: str, known: list[str], near: str | None) -> None:
    with counted_lines() as count:
        found = near_names(wanted, known)
    assert count.lines < LINES
    assert near in found if near else not found
    assert len(found) <= 3
