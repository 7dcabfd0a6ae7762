from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.base.backoff import Backoff, RespawnBackoff
from hostler.daemon.base.settings import Settings


def middle() -> float:
    return 0.5


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(Settings(), middle)
    delays = [backoff.next_delay() for _ in range(9)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_after_a_reset_the_next_failure_is_a_first_one() -> None:
    backoff = Backoff(Settings(), middle)
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() == 0.5


@pytest.mark.parametrize(("drawn", "factor"), [(0.0, 0.8), (0.5, 1.0), (0.75, 1.1)])
def test_jitter_moves_a_delay_by_its_share(drawn: float, factor: float) -> None:
    backoff = Backoff(Settings(), lambda: drawn)
    assert backoff.next_delay() == pytest.approx(0.5 * factor)
    assert backoff.next_delay() == pytest.approx(1.0 * factor)


@given(
    failures=st.integers(0, 50),
    drawn=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 1),
    factor=st.floats(1, 100),
    first=st.floats(0, 100),
    longest=st.floats(0, 1000),
)
def test_a_delay_stays_within_its_bounds(
    failures: int, drawn: float, jitter: float, factor: float, first: float, longest: float
) -> None:
    settings = Settings(
        restart_first_delay=first,
        restart_factor=factor,
        restart_max_delay=longest,
        restart_jitter=jitter,
    )
    backoff = Backoff(settings, lambda: drawn)
    for _ in range(failures):
        backoff.next_delay()
    delay = backoff.next_delay()
    assert 0 <= delay <= longest * (1 + jitter)
    if failures == 0:
        assert delay >= min(first, longest) * (1 - jitter)


def test_two_locations_that_fail_together_try_again_apart() -> None:
    draw = random.Random(7).random
    one, other = Backoff(Settings(), draw), Backoff(Settings(), draw)
    assert one.next_delay() != other.next_delay()


def test_a_day_of_failures_is_waited_for_as_an_hour_of_them() -> None:
    backoff = Backoff(Settings(), middle)
    assert {backoff.next_delay() for _ in range(3000)} == {0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0}


def test_what_has_died_is_made_anew_at_once_and_later_each_time_that_follows() -> None:
    settings = Settings(restart_first_delay=0.5, restart_factor=2, restart_reset_after=30)
    remakes = RespawnBackoff(settings, lambda: 0.5)
    assert [remakes.delay(2.0) for _ in range(4)] == [0.0, 0.5, 1.0, 2.0]
    assert remakes.delay(31.0) == 0.0, "it has lived for long"
    assert remakes.delay(2.0) == 0.5
