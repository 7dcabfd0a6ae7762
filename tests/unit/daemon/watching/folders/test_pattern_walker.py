"""Which folders the patterns of watches lead into, step by step."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.base.journal import Journal
from hostler.daemon.watching.content.watch_record import PENDING, WatchRecord
from hostler.daemon.watching.folders.mounts import Mounts
from hostler.daemon.watching.folders.pattern_walker import PatternWalker
from hostler.daemon.watching.folders.watched_folders import WatchedFolders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Holder:
    """A watch that notes what it is asked for."""

    def __init__(self, walker: PatternWalker, *patterns: str) -> None:
        self.record = WatchRecord(patterns)
        self.walks_asked = 0
        walker.enter(self, self.record)

    def add_found(self, path: str, known: str | None) -> None:
        self.record.files[path] = known

    def walk_soon(self) -> None:
        self.walks_asked += 1

    def tell_soon(self) -> None:
        raise AssertionError("nothing has changed")


@pytest.fixture
def folders() -> Iterator[WatchedFolders]:
    journal = Journal(stream=io.StringIO())
    yield WatchedFolders(None, Mounts(""), journal)
    journal.close()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "top"
    (made / "sub").mkdir(parents=True)
    (made / "a.sql").write_text("")
    return made


def test_a_file_counts_as_found_at_the_first_walk_and_is_new_later(
    top: Path, folders: WatchedFolders
) -> None:
    walker = PatternWalker(folders)
    holder = Holder(walker, f"{top}/**/*.sql")
    list(walker.walk(holder, holder.record))
    assert holder.record.files == {f"{top}/a.sql": PENDING}
    assert holder.record.places.keys() == {str(top), f"{top}/sub"}
    (top / "sub" / "b.sql").write_text("")
    list(walker.walk(holder, holder.record))
    assert holder.record.files[f"{top}/sub/b.sql"] is None
    assert walker.paths_of(f"{top}/sub", "c.sql") == {f"{top}/sub/c.sql"}
    assert holder.record.files[f"{top}/sub/c.sql"] is None
    assert walker.paths_of(f"{top}/sub", "c.txt") == set()
    assert walker.paths_of("/elsewhere", "c.sql") == set()


def test_only_the_watches_that_are_concerned_walk_again_and_once(
    top: Path, folders: WatchedFolders
) -> None:
    walker = PatternWalker(folders)
    deep, flat = Holder(walker, f"{top}/**/*.sql"), Holder(walker, f"{top}/sub/*.sql")
    for holder in (deep, flat):
        list(walker.walk(holder, holder.record))
    walker.request_at(f"{top}/sub")
    walker.request_at(str(top))
    assert (deep.walks_asked, flat.walks_asked) == (1, 0)
    walker.request_from(f"{top}/sub")
    walker.request_from(str(top))
    assert (deep.walks_asked, flat.walks_asked) == (1, 1)
    for holder in (deep, flat):
        list(walker.walk(holder, holder.record))
    walker.request_all()
    assert (deep.walks_asked, flat.walks_asked) == (2, 2)
    walker.leave(flat, flat.record)
    list(walker.walk(deep, deep.record))
    walker.request_polled()
    assert (deep.walks_asked, flat.walks_asked) == (3, 2)
    walker.request_from(f"{top}/sub")
    assert flat.walks_asked == 2


def test_the_folders_of_a_record_are_released_once(top: Path, folders: WatchedFolders) -> None:
    """Also where a walk had come to its end but for the folders that are no more."""
    walker = PatternWalker(folders)
    holder = Holder(walker, f"{top}/**/*.sql")
    list(walker.walk(holder, holder.record))
    (top / "sub").rmdir()
    walk = walker.walk(holder, holder.record)
    next(walk)
    next(walk)
    replaced, holder.record = holder.record, WatchRecord(())
    walker.leave(holder, replaced)
    assert list(walk) == []
    assert folders.acquire(str(top), entries=True)
    assert folders.acquire(f"{top}/sub", entries=True)
