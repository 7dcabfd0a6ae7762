from __future__ import annotations

import pytest

from hostler.cli.text.formats import format_duration, format_size


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
def test_durations(seconds: float, text: str) -> None:
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
