"""Which of the queued runs may start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.base.tag_limits import TagLimit, parse_tag_limits
from hostler.daemon.runs.queue import RunLimits, RunQueue


@dataclass(frozen=True)
class Run:
    run_id: str
    location_name: str = "etl"
    tags: Mapping[str, str] = field(default_factory=dict)


def started(queue: RunQueue[Run]) -> list[str]:
    return [run.run_id for run in queue.start_due(lambda _: True)]


def filled(limits: RunLimits, *runs: Run) -> RunQueue[Run]:
    queue: RunQueue[Run] = RunQueue(limits)
    for run in runs:
        queue.add(run)
    return queue


def test_in_order_up_to_the_limit() -> None:
    queue = filled(RunLimits(2), *map(Run, "abc"))
    assert started(queue) == ["a", "b"]
    assert started(queue) == []
    queue.ended("a")
    assert started(queue) == ["c"]


def test_who_is_held_by_the_limit_of_its_location_lets_others_pass() -> None:
    queue = filled(RunLimits(9, location=1), Run("a"), Run("b"), Run("c", "other"))
    assert started(queue) == ["a", "c"]
    queue.ended("c")
    assert started(queue) == []
    queue.ended("a")
    assert started(queue) == ["b"]


def test_the_limit_of_a_tag() -> None:
    limits = RunLimits(9, tags=parse_tag_limits("team:1, database=prod:1"))
    queue = filled(
        limits,
        Run("a", tags={"team": "x"}),
        Run("b", tags={"team": "x"}),
        Run("c", tags={"team": "y", "database": "prod"}),
        Run("d", tags={"database": "prod"}),
        Run("e", tags={"database": "test"}),
        Run("f", tags={"database": "test"}),
    )
    assert started(queue) == ["a", "c", "e", "f"]
    queue.ended("c")
    assert started(queue) == ["d"]


def test_who_is_not_ready_lets_others_pass_and_keeps_its_place() -> None:
    queue = filled(RunLimits(1), Run("a"), Run("b"))
    assert [run.run_id for run in queue.start_due(lambda run: run.run_id != "a")] == ["b"]
    queue.ended("b")
    queue.add(Run("c"))
    assert started(queue) == ["a"]


def test_one_that_was_taken_out_is_not_started() -> None:
    queue = filled(RunLimits(1), Run("a"), Run("b"))
    assert queue.remove("a") == Run("a")
    assert queue.remove("a") is None
    assert started(queue) == ["b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("team:5", (TagLimit("team", None, 5),)),
        ("a=b:1,c:2", (TagLimit("a", "b", 1), TagLimit("c", None, 2))),
        ("url=http://x:3", (TagLimit("url", "http://x", 3),)),
    ],
)
def test_the_setting(text: str, expected: tuple[TagLimit, ...]) -> None:
    assert parse_tag_limits(text) == expected


_RUNS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.dictionaries(st.sampled_from("kl"), st.sampled_from("12")))
)


@given(_RUNS, st.integers(1, 4), st.integers(0, 2), st.integers(1, 2), st.randoms())
def test_no_limit_is_ever_passed_and_every_run_starts_once(
    given_runs: list[tuple[str, dict[str, str]]], most: int, location: int, tag: int, chance: object
) -> None:
    import random

    assert isinstance(chance, random.Random)
    limits = RunLimits(most, location, (TagLimit("k", None, tag), TagLimit("l", "1", 1)))
    runs = [Run(str(number), *each) for number, each in enumerate(given_runs)]
    queue = filled(limits, *runs)
    going_on: list[Run] = []
    seen: list[str] = []
    while len(seen) < len(runs) or going_on:
        begun = queue.start_due(lambda _: True)
        going_on += begun
        seen += [run.run_id for run in begun]
        assert len(going_on) <= most
        per_location = Counter(run.location_name for run in going_on)
        assert not location or all(count <= location for count in per_location.values())
        values = Counter(run.tags.get("k") for run in going_on)
        assert all(count <= tag for value, count in values.items() if value is not None)
        assert sum(run.tags.get("l") == "1" for run in going_on) <= 1
        assert going_on, "something may always start"
        ended = going_on.pop(chance.randrange(len(going_on)))
        queue.ended(ended.run_id)
    assert sorted(seen, key=int) == [run.run_id for run in runs]
