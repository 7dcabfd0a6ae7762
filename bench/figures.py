"""Rounds, medians, spreads, and how they are shown."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Sides = Mapping[str, Callable[[], float]]

#: Rounds that are made however slow the machine is: fewer have no quartiles.
FEWEST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """Holds the samples of one quantity over several rounds.

    Attributes:
        name: what was measured.
        unit: the unit of the samples; "" for a ratio.
        samples: the same number for each round, in the order of the rounds.
        limit: the aim of the median; None if there is none.
        more_is_better: whether the median should be above the limit, not below it.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    limit: float | None = None
    more_is_better: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The bounds of the middle half of the samples."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high

    @property
    def p99(self) -> float:
        """The sample than which 99 of 100 are at least as good; the worst one of fewer than 100."""
        ordered = sorted(self.samples, reverse=self.more_is_better)
        return ordered[-1 - len(ordered) // 100]

    def per_round(self, rounds: int) -> tuple[float, ...]:
        """Returns the median of each round."""
        each, rest = divmod(len(self.samples), rounds)
        if rest:
            raise ValueError(f"cannot divide {len(self.samples)} samples into {rounds} rounds")
        parts = (self.samples[each * number :][:each] for number in range(rounds))
        return tuple(map(statistics.median, parts))


@dataclass(frozen=True, slots=True)
class Report:
    """Holds the figures of one bench.

    Attributes:
        name: the bench's name on the command line.
        title: what was compared with what.
        remarks: what could not be measured, and why.
    """

    name: str
    title: str
    figures: tuple[Figure, ...]
    remarks: tuple[str, ...] = ()


def ratio(
    name: str,
    one: Figure,
    other: Figure,
    limit: float | None = None,
    *,
    more_is_better: bool = False,
) -> Figure:
    """Returns how many times as large as the other one figure is, round by round.

    The sides of a round were measured one right after the other, so that other work of the machine
    is in both. If a side has several samples a round, their median counts.
    """
    rounds = min(len(one.samples), len(other.samples))
    pairs = zip(one.per_round(rounds), other.per_round(rounds), strict=True)
    return Figure(name, "", tuple(a / b for a, b in pairs), limit, more_is_better)


def faster(name: str, slow: Figure, fast: Figure, limit: float | None = None) -> Figure:
    """Returns how many times as long as the other the slow side takes."""
    return ratio(name, slow, fast, limit, more_is_better=True)


def alternate(
    sides: Sides,
    rounds: int,
    unit: str,
    *,
    times: Mapping[str, int] | None = None,
    limits: Mapping[str, float] | None = None,
    seconds: float = 60.0,
) -> dict[str, Figure]:
    """Measures each side once a round, forth and back, after a first round that does not count.

    Args:
        rounds: at most.
        times: how often a side is measured in each round, if not once.
        limits: what the medians should not exceed, by side.
        seconds: after which no round begins, except the first few.
    """
    deadline = time.monotonic() + seconds
    for measure in sides.values():
        measure()
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        if number >= FEWEST_ROUNDS and time.monotonic() > deadline:
            break
        for name in list(sides)[:: -1 if number % 2 else 1]:
            samples[name] += [sides[name]() for _ in range((times or {}).get(name, 1))]
    return {
        name: Figure(name, unit, tuple(found), (limits or {}).get(name))
        for name, found in samples.items()
    }


def table(report: Report) -> str:
    """Returns the report as a table for people."""
    heads = ("", "median", "p99", "quartiles", "samples", "aim")
    rows = [heads, *map(_row, report.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]
    shown = lines if report.figures else []
    return "\n".join([f"{report.name}: {report.title}", "", *shown, *report.remarks])


def as_json(reports: Sequence[Report]) -> list[dict[str, object]]:
    """Returns the reports as JSON for programs."""
    return [
        {
            "bench": report.name,
            "title": report.title,
            "remarks": report.remarks,
            "figures": [
                {
                    "name": figure.name,
                    "unit": figure.unit or "ratio",
                    "median": figure.median,
                    "p99": figure.p99,
                    "quartiles": figure.quartiles,
                    "limit": figure.limit,
                    "more_is_better": figure.more_is_better,
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
        _number(figure.p99, figure.unit),
        f"{_number(low, figure.unit)} to {_number(high, figure.unit)}",
        str(len(figure.samples)),
        "" if figure.limit is None else _aim(figure, figure.limit),
    )


def _aim(figure: Figure, limit: float) -> str:
    bound = "at least" if figure.more_is_better else "at most"
    return f"{bound} {_quantity(limit, figure.unit)}"


def _quantity(value: float, unit: str) -> str:
    return f"{_number(value, unit)} {unit or 'times'}"


def _number(value: float, unit: str) -> str:
    if not unit:
        return f"{value:.2f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
