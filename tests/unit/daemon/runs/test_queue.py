"""Which of the queued runs may start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.line_count import counted_lines

from hostler.daemon.base.tag_limits import TagLimit, parse_tag_limits
from hostler.daemon.runs.queue import RunLimits, RunQueue

#: Lines of forty starts and ends; a look at all that wait takes 100,000 for each.
LINES = 20_000


@dataclass(frozen=True)
class Run:
    run_id: str
    location_name: str = "etl"
    tags: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None

    @property
    def ready_key(self) -> str:
        return self.run_id if self.key is None else self.key


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


def test_runs_that_wait_for_the_same_are_asked_for_once() -> None:
    queue = filled(RunLimits(9), *(Run(str(number), key="a") for number in range(5)), Run("b"))
    asked: list[str] = []

    def is_ready(run: Run) -> bool:
        asked.append(run.run_id)
        return run.run_id == "b"

    assert [run.run_id for run in queue.start_due(is_ready)] == ["b"]
    assert sorted(asked) == ["0", "b"]
    assert started(queue) == ["0", "1", "2", "3", "4"]


def test_one_that_is_taken_out_while_it_is_asked_for_lets_the_next_pass() -> None:
    queue = filled(RunLimits(9), *(Run(str(number), key="a") for number in range(4)))

    def is_ready(run: Run) -> bool:
        if run.run_id in "02":
            queue.remove(run.run_id)
            return False
        return True

    assert [run.run_id for run in queue.start_due(is_ready)] == ["1", "3"]


@pytest.mark.parametrize(
    "limits",
    [
        RunLimits(4),
        RunLimits(50, location=2),
        RunLimits(50, tags=(TagLimit("team", None, 2),)),
        RunLimits(50, location=3, tags=(TagLimit("team", "1", 1), TagLimit("n", None, 1))),
    ],
)
def test_a_hundred_thousand_that_wait_cost_the_next_nothing(limits: RunLimits) -> None:
    tags = [{"team": str(number % 3), "n": str(number % 1000)} for number in range(100_000)]
    runs = [Run(str(n), f"l{n % 2}", each, key="") for n, each in enumerate(tags)]
    queue = filled(limits, *runs)
    going_on = started(queue)
    with counted_lines() as count:
        for number in range(20):
            queue.ended(going_on.pop())
            going_on += started(queue)
            queue.add(Run(f"new{number}", "l0", tags[number], key=""))
            going_on += started(queue)
    assert count.lines < LINES
    assert queue.remove("99999") is not None


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


_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.sampled_from("xy"),
            st.dictionaries(st.sampled_from("kl"), st.sampled_from("12")),
            st.sampled_from(["", "p", "q"]),
        ),
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("ready"), st.sets(st.sampled_from(["p", "q"]))),
    ),
    max_size=40,
)


@given(_STEPS, st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
def test_it_starts_what_a_walk_through_all_would_start(
    steps: list[tuple[object, ...]], most: int, location: int, tag: int
) -> None:
    limits = RunLimits(most, location, (TagLimit("k", None, tag), TagLimit("l", "1", 1)))
    queue: RunQueue[Run] = RunQueue(limits)
    waiting: list[Run] = []
    going_on: list[Run] = []
    ready: set[str] = {""}
    for number, (kind, *what) in enumerate(steps):
        if kind == "add":
            run = Run(str(number), what[0], what[1], what[2])  # type: ignore[arg-type]  # as drawn
            waiting.append(run)
            queue.add(run)
        elif kind == "ready":
            ready = {"", *what[0]}  # type: ignore[misc]
        elif kind == "end" and going_on:
            queue.ended(going_on.pop(what[0] % len(going_on)).run_id)  # type: ignore[operator]
        elif kind == "remove" and waiting:
            run = waiting.pop(what[0] % len(waiting))  # type: ignore[operator]
            assert queue.remove(run.run_id) == run
        expected = _walk(limits, waiting, going_on, ready)
        assert queue.start_due(lambda run: run.ready_key in ready) == expected  # noqa: B023
        assert list(queue) == waiting


def _walk(limits: RunLimits, waiting: list[Run], going_on: list[Run], ready: set[str]) -> list[Run]:
    """Moves what may start from the runs that wait to those that go on; returns it."""
    begun = []
    for run in list(waiting):
        counts = Counter(
            key for each in going_on for key, _ in limits.limits_of(each.location_name, each.tags)
        )
        own = limits.limits_of(run.location_name, run.tags)
        if run.ready_key in ready and all(counts[key] < limit for key, limit in own):
            waiting.remove(run)
            going_on.append(run)
            begun.append(run)
    return begun
