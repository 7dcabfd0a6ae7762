"""The files that a location has watched, with a watcher that reads no disk."""

from __future__ import annotations

import dataclasses

import pytest

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.locations.watched_files import BATCH_SECONDS, WatchedFiles
from hostler.daemon.watching.content.watch_record import PENDING
from hostler.daemon.watching.fake import FakeWatch, FakeWatcher
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target

SPEC = LocationSpec(
    "a", Target("python_module", "a"), Position("/workspace.yaml", 1, 1), watch=("/sql/*.sql",)
)


class Bench:
    """Holds the watched files of one location, and what it was told."""

    def __init__(self, spec: LocationSpec = SPEC) -> None:
        self.watcher = FakeWatcher()
        self.clock = FakeClock()
        self.told: list[frozenset[str]] = []
        self.files = WatchedFiles(spec, self.watcher, self.clock, self.told.append)

    @property
    def watch(self) -> FakeWatch:
        (watch,) = self.watcher.watches
        return watch


def test_patterns_are_watched_from_the_start_and_files_after_the_load() -> None:
    bench = Bench()
    assert bench.watcher.watches == set()
    bench.files.begin()
    assert (bench.watch.files, bench.watch.globs) == ({}, SPEC.watch)
    bench.files.replace({"/a.py": "1"})
    assert (bench.watch.files, bench.watch.globs) == ({"/a.py": "1"}, SPEC.watch)
    bench.files.add([("/b.py", None)])
    bench.files.add_unread(["/a.py", "/c.py"])
    assert bench.watch.files == {"/a.py": "1", "/b.py": None, "/c.py": PENDING}
    bench.watcher.change("/a.py", "2")
    assert bench.told == [{"/a.py"}]
    bench.files.reset_throttle()
    assert bench.watch.throttle_resets == 1


def test_what_a_load_reads_is_watched_in_parts() -> None:
    bench = Bench()
    bench.files.begin()
    bench.files.add_soon([("/a.py", "1")])
    bench.clock.advance(BATCH_SECONDS / 2)
    bench.files.add_soon([("/b.py", "1")])
    assert bench.watch.files == {}
    bench.clock.advance(BATCH_SECONDS / 2)
    assert bench.watch.files == {"/a.py": "1", "/b.py": "1"}
    bench.files.add_soon([("/c.py", "1")])
    bench.files.replace({"/a.py": "1"})
    bench.clock.advance(BATCH_SECONDS)
    assert bench.watch.files == {"/a.py": "1"}


def test_the_record_of_a_load_waits_for_its_answer() -> None:
    bench = Bench()
    bench.files.begin()
    bench.files.replace_soon({"/a.py": "1"})
    assert bench.watch.files == {}
    bench.watcher.change("/a.py", "2")
    bench.clock.advance(0)
    bench.watcher.tell()
    assert bench.told == [{"/a.py"}]


def test_a_file_that_could_not_be_loaded_is_watched_all_the_same() -> None:
    target = Target("python_file", "/missing/a.py")
    bench = Bench(dataclasses.replace(SPEC, target=target))
    bench.files.begin()
    bench.files.replace({})
    assert bench.watch.files == {"/missing/a.py": None}


def test_what_is_forgotten_is_not_told_and_nothing_joins() -> None:
    bench = Bench()
    bench.files.begin()
    bench.files.replace({"/a.py": "1"})
    bench.files.add_soon([("/b.py", "1")])
    closed = bench.watch
    bench.files.forget()
    assert closed.is_closed
    bench.files.add([("/a.py", "1")])
    bench.files.add_unread(["/a.py"])
    bench.files.reset_throttle()
    bench.clock.advance(BATCH_SECONDS)
    bench.watcher.change("/a.py", "2")
    assert bench.watcher.watches == set()
    assert bench.told == []
    bench.files.begin()
    assert bench.watch.globs == SPEC.watch


def test_where_workspace_yaml_says_no_reload_nothing_is_watched() -> None:
    bench = Bench(dataclasses.replace(SPEC, reload=False))
    bench.files.begin()
    bench.files.add_soon([("/a.py", "1")])
    bench.files.add([("/a.py", "1")])
    bench.files.add_unread(["/a.py"])
    bench.files.replace({"/a.py": "1"})
    bench.files.replace_soon({"/a.py": "1"})
    bench.clock.advance(BATCH_SECONDS)
    assert bench.watcher.watches == set()
    assert bench.files.mode == "off"


@pytest.mark.parametrize("mode", ["native", "polling"])
def test_the_mode_is_the_watcher_s_until_there_is_a_watch(mode: str) -> None:
    bench = Bench()
    bench.watcher.mode = "native" if mode == "native" else "polling"
    assert bench.files.mode == mode
    bench.files.begin()
    assert bench.files.mode == mode
