"""When a load whose files change is waited for, and which of them are served."""

from hostler.daemon.churn import OUTDATED_SECONDS, PATIENCE_SECONDS, Churn
from hostler.daemon.clock import FakeClock


def test_an_outdated_load_is_waited_for_as_long_as_loads_usually_take() -> None:
    churn = Churn(FakeClock())
    assert churn.patience(0.01) == PATIENCE_SECONDS
    assert churn.patience(3.0) == 6.0


def test_of_many_outdated_loads_one_in_a_time_is_served() -> None:
    clock = FakeClock()
    churn = Churn(clock)
    assert not churn.is_one_of_many(0.01)
    clock.advance(OUTDATED_SECONDS / 2)
    assert churn.is_one_of_many(0.01)
    clock.advance(OUTDATED_SECONDS / 2)
    assert not churn.is_one_of_many(0.01)


def test_the_time_is_longer_where_loads_are_slow() -> None:
    clock = FakeClock()
    churn = Churn(clock)
    assert not churn.is_one_of_many(2.0)
    clock.advance(7.9)
    assert churn.is_one_of_many(2.0)
    clock.advance(0.1)
    assert not churn.is_one_of_many(2.0)
