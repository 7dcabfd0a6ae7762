"""The short form of the checkouts of tests/chaos."""

from e2e.checkout import back_and_forth
from e2e.harness import Daemon


def test_a_checkout_of_300_files_is_two_loads_at_most(daemon: Daemon) -> None:
    for checkout in back_and_forth(daemon, files=300, times=4):
        assert 1 <= checkout.generations <= 2
        assert checkout.forks <= 8
