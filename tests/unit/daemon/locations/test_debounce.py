"""When a load whose files change is waited for, and which of them are served."""

import pytest

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.locations.debounce import (
    LONGEST_REST_SECONDS,
    MANY,
    MEANWHILE_SECONDS,
    OUTDATED_SECONDS,
    PATIENCE_SECONDS,
    REST_SECONDS,
    SHORT_RESTS,
    Debounce,
)


def test_an_outdated_load_is_waited_for_as_long_as_loads_usually_take() -> None:
    churn = Debounce(FakeClock())
    assert churn.patience(is_fork=True) == PATIENCE_SECONDS
    churn.loaded(3.0, is_fork=False)
    assert churn.patience(is_fork=False) == 6.0
    assert churn.patience(is_fork=True) == 6.0, "no fork has shown yet what it takes"
    churn.loaded(0.01, is_fork=True)
    assert churn.patience(is_fork=True) == PATIENCE_SECONDS
    assert churn.patience(is_fork=False) == 6.0


def test_of_many_outdated_loads_one_in_a_time_is_served() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    assert not churn.should_skip_outdated(0.01)
    clock.advance(OUTDATED_SECONDS / 2)
    assert churn.should_skip_outdated(0.01)
    clock.advance(OUTDATED_SECONDS / 2)
    assert not churn.should_skip_outdated(0.01)


def test_the_time_is_longer_where_loads_are_slow() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    assert not churn.should_skip_outdated(2.0)
    clock.advance(7.9)
    assert churn.should_skip_outdated(2.0)
    clock.advance(0.1)
    assert not churn.should_skip_outdated(2.0)


def names(first: int, count: int) -> list[str]:
    return [f"/project/{number}.py" for number in range(first, first + count)]


def test_files_that_change_one_after_the_other_are_a_flood() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    for number in range(MANY - 1):
        clock.advance(0.01)
        churn.change(names(number, 1))
        assert not churn.is_flood()
    churn.change(names(0, 1))
    assert not churn.is_flood(), "one of them again"
    churn.change(names(MANY, 1))
    assert churn.is_flood()
    assert churn.changed == set(names(0, MANY - 1) + names(MANY, 1))


def test_saves_with_pauses_are_none() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    for number in range(3 * MANY):
        churn.change(names(number, 1))
        clock.advance(1.01 * MEANWHILE_SECONDS)
        assert not churn.is_flood()
    assert churn.changed == set(names(3 * MANY - 1, 1))


def test_files_rest_when_none_has_changed_for_a_moment() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    churn.change(names(0, MANY))
    for _ in range(20):
        assert churn.rest(is_fork=True) == REST_SECONDS
        clock.advance(REST_SECONDS / 2)
        churn.change(names(0, 1))


def test_where_files_did_not_rest_it_is_waited_longer() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    waits = []
    for number in range(SHORT_RESTS + 4):
        churn.change(names(number * MANY, MANY))
        assert churn.is_flood()
        waits.append(churn.rest(is_fork=True))
        clock.advance(waits[-1])
        churn.failed() if number % 2 else churn.loaded(0.01, is_fork=True, is_outdated=True)
    factors = [1] * SHORT_RESTS + [2, 4, 8, 8]
    assert waits == [REST_SECONDS * factor for factor in factors]
    assert waits[-1] == LONGEST_REST_SECONDS
    clock.advance(1.01 * MEANWHILE_SECONDS)
    churn.change(names(0, MANY))
    assert churn.rest(is_fork=True) == REST_SECONDS


def test_a_load_of_files_that_rest_begins_it_anew() -> None:
    churn = Debounce(FakeClock())
    for _ in range(2 * SHORT_RESTS):
        churn.change(names(0, MANY))
        assert churn.rest(is_fork=True) == REST_SECONDS
        churn.loaded(0.01, is_fork=True)


def test_whatever_goes_on_changing_is_loaded_in_the_end() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    churn.change(names(0, MANY))
    began = clock.monotonic()
    while (wait := churn.rest(is_fork=True)) > 0:
        clock.advance(wait / 2 if wait == REST_SECONDS else wait)
        churn.change(names(0, MANY))
    assert clock.monotonic() - began == pytest.approx(OUTDATED_SECONDS)
    assert not churn.is_flood(), "the load that follows is not disturbed"
    churn.failed()
    assert churn.is_flood()
    assert churn.rest(is_fork=True) == REST_SECONDS


@pytest.mark.parametrize("is_fork", [True, False])
def test_where_loads_are_slow_it_is_waited_longer(is_fork: bool) -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    churn.loaded(2.0, is_fork=is_fork)
    churn.change(names(0, MANY))
    assert churn.rest(is_fork=is_fork) == REST_SECONDS
    clock.advance(7.99)
    assert churn.rest(is_fork=is_fork) == pytest.approx(0.01)


def test_a_fork_is_not_waited_for_as_for_an_interpreter() -> None:
    clock = FakeClock()
    churn = Debounce(clock)
    churn.loaded(5.0, is_fork=False)
    churn.change(names(0, MANY))
    assert churn.rest(is_fork=True) == REST_SECONDS
    clock.advance(OUTDATED_SECONDS)
    assert churn.rest(is_fork=True) == 0.0


def test_what_was_loaded_counts_no_more() -> None:
    churn = Debounce(FakeClock())
    churn.change(names(0, MANY))
    churn.loaded(0.01, is_fork=True)
    assert not churn.is_flood()
    churn.change(names(0, 1))
    assert not churn.is_flood()
