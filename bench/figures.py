"""Rounds, medians, spreads, and how they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Sides = Mapping[str, Callable[[], float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity over several rounds.

    Attributes:
        name: what was measured.
        unit: of the samples; "" for a ratio.
        samples: one for each round.
        limit: what the median should not exceed; None where nothing is promised.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    limit: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between them lie the middle half of the rounds."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high


@dataclass(frozen=True, slots=True)
class Report:
    """What one bench found.

    Attributes:
        name: the bench's, as it is given on the command line.
        title: what was compared with what.
    """

    name: str
    title: str
    figures: tuple[Figure, ...]


def ratio(name: str, one: Figure, other: Figure, limit: float | None = None) -> Figure:
    """How many times the other figure one figure is, round by round.

    The sides of a round were measured one right after the other, so that what the machine did
    meanwhile is in both.
    """
    samples = tuple(a / b for a, b in zip(one.samples, other.samples, strict=True))
    return Figure(name, "", samples, limit)


def alternate(sides: Sides, rounds: int, unit: str) -> dict[str, Figure]:
    """Measures each side once a round, forth and back, after a first round that does not count."""
    for measure in sides.values():
        measure()
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            samples[name].append(sides[name]())
    return {name: Figure(name, unit, tuple(found)) for name, found in samples.items()}


def table(report: Report) -> str:
    """The report, to be read."""
    heads = ("", "median", "quartiles", "rounds", "aim")
    rows = [heads, *map(_row, report.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([f"{report.name}: {report.title}", "", *lines])


def as_json(reports: Sequence[Report]) -> list[dict[str, object]]:
    """The reports, for a program."""
    return [
        {
            "bench": report.name,
            "title": report.title,
            "figures": [
                {
                    "name": figure.name,
                    "unit": figure.unit or "ratio",
                    "median": figure.median,
                    "quartiles": figure.quartiles,
                    "limit": figure.limit,
                    "samples": figure.samples,
                }
                for figure in report.figures
            ],
        }
        for report in reports
    ]


def _row(figure: Figure) -> tuple[str, ...]:
    low, high = figure.quartiles
    return (
        figure.name,
        _quantity(figure.median, figure.unit),
        f"{_number(low, figure.unit)} to {_number(high, figure.unit)}",
        str(len(figure.samples)),
        "" if figure.limit is None else f"at most {_quantity(figure.limit, figure.unit)}",
    )


def _quantity(value: float, unit: str) -> str:
    return f"{_number(value, unit)} {unit or 'times'}"


def _number(value: float, unit: str) -> str:
    if not unit:
        return f"{value:.2f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
