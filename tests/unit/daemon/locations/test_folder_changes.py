"""Loads that cause loads: changes of folders wait, where each load is followed by one."""

from __future__ import annotations

import pytest
from unit.daemon.world import SETTINGS

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.locations.folder_changes import FREE_LOADS, SOON_SECONDS, FolderChanges

LISTED = "/project/"
READ = "/project/repos.py"


class Bench:
    """Holds one location's changes, and what became of them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.passed: list[frozenset[str]] = []
        self.told: list[str] = []
        self.changes = FolderChanges(self.clock, SETTINGS, self.passed.append, self.told.append)

    def change(self, *paths: str) -> bool:
        """Returns whether the change was passed on at once."""
        before = len(self.passed)
        self.changes.take(frozenset(paths), lambda path: path == READ)
        return len(self.passed) > before

    def load(self, *made: str) -> bool:
        """Loads, which makes files; returns whether that was passed on at once."""
        self.changes.load_begins()
        self.changes.load_ended()
        return self.change(*made)

    def load_until_it_waits(self, made: str = LISTED) -> None:
        for _ in range(FREE_LOADS - 1):
            assert self.load(made)
        assert not self.load(made)


@pytest.mark.parametrize("made", [LISTED, "/project/new.out"])
def test_the_next_load_waits_and_the_folder_is_named(made: str) -> None:
    bench = Bench()
    bench.load_until_it_waits(made)
    assert [LISTED in text for text in bench.told] == [True]
    assert not bench.change("/project/other.out"), "it waits already"
    assert len(bench.told) == 1
    bench.clock.advance(2 * SETTINGS.restart_first_delay)
    assert bench.passed[-1] == {made, "/project/other.out"}


def test_further_delays_are_longer() -> None:
    bench = Bench()
    bench.load_until_it_waits()
    waits = []
    for _ in range(5):
        pending = bench.clock.pending
        bench.clock.advance(2 * SETTINGS.restart_max_delay)
        assert pending
        assert not bench.load(LISTED)
        waits.append(float(bench.told[-1].partition("waits ")[2].partition(" s")[0]))
    assert waits == sorted(waits)
    assert waits[-1] > 5 * waits[0]


def test_a_save_of_what_was_read_passes_at_once_and_takes_along_what_waits() -> None:
    bench = Bench()
    bench.load_until_it_waits()
    assert bench.change(READ)
    assert bench.passed[-1] == {READ, LISTED}
    assert not bench.clock.pending


def test_a_load_that_is_followed_by_no_change_ends_the_row() -> None:
    bench = Bench()
    bench.load_until_it_waits()
    bench.changes.load_begins()
    assert not bench.clock.pending, "the load has read what waited"
    bench.changes.load_ended()
    assert bench.load(LISTED)


def test_changes_at_leisure_wait_for_nothing() -> None:
    bench = Bench()
    for _ in range(3 * FREE_LOADS):
        bench.changes.load_begins()
        bench.changes.load_ended()
        bench.clock.advance(1.01 * SOON_SECONDS)
        assert bench.change(LISTED)


def test_another_folder_waits_for_nothing() -> None:
    bench = Bench()
    bench.load_until_it_waits()
    assert bench.change("/elsewhere/")


def test_a_location_that_stops_waits_for_nothing() -> None:
    bench = Bench()
    bench.load_until_it_waits()
    bench.changes.stop()
    assert not bench.clock.pending
