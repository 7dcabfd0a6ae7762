"""When a load begins while files change, and whether an outdated load is served."""

import pytest

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.locations.debounce import (
    FLOOD_FILES,
    FLOOD_SECONDS,
    LONGEST_QUIET_SECONDS,
    OUTDATED_SECONDS,
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    SHORT_QUIET_PERIODS,
    Debounce,
)


def test_an_outdated_load_is_waited_for_as_long_as_loads_usually_take() -> None:
    debounce = Debounce(FakeClock())
    assert debounce.patience(is_fork=True) == PATIENCE_SECONDS
    debounce.note_load(3.0, is_fork=False)
    assert debounce.patience(is_fork=False) == 6.0
    assert debounce.patience(is_fork=True) == 6.0, "no fork has shown yet what it takes"
    debounce.note_load(0.01, is_fork=True)
    assert debounce.patience(is_fork=True) == PATIENCE_SECONDS
    assert debounce.patience(is_fork=False) == 6.0


def test_of_many_outdated_loads_one_in_a_time_is_served() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    assert not debounce.should_skip_outdated(0.01)
    clock.advance(OUTDATED_SECONDS / 2)
    assert debounce.should_skip_outdated(0.01)
    clock.advance(OUTDATED_SECONDS / 2)
    assert not debounce.should_skip_outdated(0.01)


def test_the_time_is_longer_where_loads_are_slow() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    assert not debounce.should_skip_outdated(2.0)
    clock.advance(7.9)
    assert debounce.should_skip_outdated(2.0)
    clock.advance(0.1)
    assert not debounce.should_skip_outdated(2.0)


def names(first: int, count: int) -> list[str]:
    return [f"/project/{number}.py" for number in range(first, first + count)]


def test_files_that_change_one_after_the_other_are_a_flood() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    for number in range(FLOOD_FILES - 1):
        clock.advance(0.01)
        debounce.note_change(names(number, 1))
        assert not debounce.is_flood()
    debounce.note_change(names(0, 1))
    assert not debounce.is_flood(), "one of them again"
    debounce.note_change(names(FLOOD_FILES, 1))
    assert debounce.is_flood()
    assert debounce.changed == set(names(0, FLOOD_FILES - 1) + names(FLOOD_FILES, 1))


def test_saves_with_pauses_are_none() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    for number in range(3 * FLOOD_FILES):
        debounce.note_change(names(number, 1))
        clock.advance(1.01 * FLOOD_SECONDS)
        assert not debounce.is_flood()
    assert debounce.changed == set(names(3 * FLOOD_FILES - 1, 1))


def test_files_rest_when_none_has_changed_for_a_moment() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    debounce.note_change(names(0, FLOOD_FILES))
    for _ in range(20):
        assert debounce.quiet_period(is_fork=True) == QUIET_SECONDS
        clock.advance(QUIET_SECONDS / 2)
        debounce.note_change(names(0, 1))


def test_where_files_did_not_rest_it_is_waited_longer() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    waits = []
    for number in range(SHORT_QUIET_PERIODS + 4):
        debounce.note_change(names(number * FLOOD_FILES, FLOOD_FILES))
        assert debounce.is_flood()
        waits.append(debounce.quiet_period(is_fork=True))
        clock.advance(waits[-1])
        debounce.note_failure() if number % 2 else debounce.note_load(
            0.01, is_fork=True, is_outdated=True
        )
    factors = [1] * SHORT_QUIET_PERIODS + [2, 4, 8, 8]
    assert waits == [QUIET_SECONDS * factor for factor in factors]
    assert waits[-1] == LONGEST_QUIET_SECONDS
    clock.advance(1.01 * FLOOD_SECONDS)
    debounce.note_change(names(0, FLOOD_FILES))
    assert debounce.quiet_period(is_fork=True) == QUIET_SECONDS


def test_a_load_of_files_that_rest_begins_it_anew() -> None:
    debounce = Debounce(FakeClock())
    for _ in range(2 * SHORT_QUIET_PERIODS):
        debounce.note_change(names(0, FLOOD_FILES))
        assert debounce.quiet_period(is_fork=True) == QUIET_SECONDS
        debounce.note_load(0.01, is_fork=True)


def test_whatever_goes_on_changing_is_loaded_in_the_end() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    debounce.note_change(names(0, FLOOD_FILES))
    began = clock.monotonic()
    while (wait := debounce.quiet_period(is_fork=True)) > 0:
        clock.advance(wait / 2 if wait == QUIET_SECONDS else wait)
        debounce.note_change(names(0, FLOOD_FILES))
    assert clock.monotonic() - began == pytest.approx(OUTDATED_SECONDS)
    assert not debounce.is_flood(), "the load that follows is not disturbed"
    debounce.note_failure()
    assert debounce.is_flood()
    assert debounce.quiet_period(is_fork=True) == QUIET_SECONDS


@pytest.mark.parametrize("is_fork", [True, False])
def test_where_loads_are_slow_it_is_waited_longer(is_fork: bool) -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    debounce.note_load(2.0, is_fork=is_fork)
    debounce.note_change(names(0, FLOOD_FILES))
    assert debounce.quiet_period(is_fork=is_fork) == QUIET_SECONDS
    clock.advance(7.99)
    assert debounce.quiet_period(is_fork=is_fork) == pytest.approx(0.01)


def test_a_fork_is_not_waited_for_as_for_an_interpreter() -> None:
    clock = FakeClock()
    debounce = Debounce(clock)
    debounce.note_load(5.0, is_fork=False)
    debounce.note_change(names(0, FLOOD_FILES))
    assert debounce.quiet_period(is_fork=True) == QUIET_SECONDS
    clock.advance(OUTDATED_SECONDS)
    assert debounce.quiet_period(is_fork=True) == 0.0


def test_what_was_loaded_counts_no_more() -> None:
    debounce = Debounce(FakeClock())
    debounce.note_change(names(0, FLOOD_FILES))
    debounce.note_load(0.01, is_fork=True)
    assert not debounce.is_flood()
    debounce.note_change(names(0, 1))
    assert not debounce.is_flood()
