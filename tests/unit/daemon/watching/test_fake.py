"""The fake watcher as a test uses it; component tests compare it with the real one."""

from __future__ import annotations

import pytest

from hostler.daemon.watching.content.watch_record import PENDING
from hostler.daemon.watching.fake import FakeWatcher


def test_a_watch_shows_what_its_owner_has_asked_for() -> None:
    watcher = FakeWatcher()
    watch = watcher.watch({"/a.py": "1"}, print, ["/sql/*.sql"])
    assert watcher.watches == {watch}
    assert watch.files == {"/a.py": "1"}
    assert list(watch.globs) == ["/sql/*.sql"]
    watch.add({"/b.py": None})
    watch.add_unread(["/a.py", "/c.py"])
    assert watch.files == {"/a.py": "1", "/b.py": None, "/c.py": PENDING}
    watch.replace({"/b.py": "2"})
    assert watch.files == {"/b.py": "2"}
    assert list(watch.globs) == []
    watch.reset_throttle()
    assert watch.throttle_resets == 1
    watch.close()
    assert watch.is_closed
    assert watcher.watches == set()
    assert watch.files == {}


def test_a_refused_watch_is_none() -> None:
    watcher = FakeWatcher()
    with pytest.raises(ValueError, match=r"cannot watch 'a\.py'"):
        watcher.watch({"a.py": "1"}, print)
    assert watcher.watches == set()


def test_a_change_is_told_at_once_and_joins_the_record() -> None:
    watcher = FakeWatcher()
    told: list[frozenset[str]] = []
    watch = watcher.watch({"/a.py": "1"}, told.append)
    watcher.change("/a.py", "1")
    watcher.change("/other.py", "2")
    assert told == []
    watcher.change("/a.py", None)
    assert told == [{"/a.py"}]
    assert watch.files == {"/a.py": None}


def test_changes_that_a_load_has_missed_are_told_together_later() -> None:
    watcher = FakeWatcher()
    told: list[frozenset[str]] = []
    watcher.change("/a.py", "2")
    watcher.change("/b.py", "2")
    watcher.watch({"/a.py": "1", "/b.py": "1"}, told.append)
    assert told == []
    watcher.tell()
    watcher.tell()
    assert told == [{"/a.py", "/b.py"}]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("/q/*.sql", {"/q/a.sql"}),
        ("/q/**/*.sql", {"/q/a.sql", "/q/x/b.sql"}),
        ("/q/**", {"/q/a.sql", "/q/x/b.sql", "/q/c.txt"}),
        ("/?/c.txt", {"/q/c.txt"}),
    ],
)
def test_patterns_take_what_matches_part_for_part(glob: str, expected: set[str]) -> None:
    watcher = FakeWatcher()
    told: set[str] = set()
    watcher.watch({}, told.update, [glob])
    for path in ("/q/a.sql", "/q/x/b.sql", "/q/c.txt", "/other/a.sql"):
        watcher.change(path, "1")
    assert told == expected


def test_the_mode_is_the_test_s() -> None:
    watcher = FakeWatcher("polling")
    watch = watcher.watch({}, print)
    assert (watcher.mode, watch.mode) == ("polling", "polling")
