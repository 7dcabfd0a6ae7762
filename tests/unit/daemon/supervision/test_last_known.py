"""What becomes of kept definitions where the disk does not take or give them."""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.base.journal import Journal
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.generations.description import Definitions
from hostler.daemon.generations.generation import Generation
from hostler.daemon.supervision.last_known import FOLDER, WRITE_DELAY, LastKnownDefinitions
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.locations.location import Location


def location(name: str, digest: str = "d") -> Location:
    spec = LocationSpec(name, Target("python_file", "/w/a.py"), Position("workspace.yaml", 1, 1))
    generation = Generation(
        spec=spec,
        repositories={},
        listed=frozenset(),
        definitions=Definitions({}),
        files={},
        snapshot=b"",
        missing=(),
        digest=digest,
        fork_obstacles=(),
        python_version="3.11.7",
    )
    return cast("Location", SimpleNamespace(name=name, generation=generation, spec=spec))


class Kept:
    """The store in a folder, with a clock that is turned, and the journal's text."""

    def __init__(self, folder: Path, tasks: Tasks, journal: Journal) -> None:
        self.clock = FakeClock()
        self.store = LastKnownDefinitions(folder, self.clock, tasks, journal)


def use(folder: Path, *locations: Location) -> tuple[list[str], str]:
    """Notes locations and ends the daemon; returns what a next one reads, and the journal."""
    said = io.StringIO()
    journal = Journal(stream=said)

    async def run() -> list[str]:
        async with Tasks(journal) as tasks:
            kept = Kept(folder, tasks, journal)
            for each in locations:
                kept.store.note(each)
            kept.clock.advance(WRITE_DELAY / 2)
            await kept.store.flush()
            assert kept.clock.pending == ()
            following = Kept(folder, tasks, journal).store
            return sorted(following.read([each.spec for each in locations]))

    found = asyncio.run(run())
    journal.close()
    return found, said.getvalue()


def test_what_is_due_is_written_at_the_end_and_names_do_not_meet(tmp_path: Path) -> None:
    names = ["a/b", "a%2Fb", "..", "x" * 300, "x" * 301, "ä\udcff"]
    found, said = use(tmp_path, *map(location, names))
    assert found == sorted(names)
    assert said == ""
    files = [*(tmp_path / FOLDER).iterdir()]
    assert len(files) == len(names)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)


def test_a_folder_that_cannot_be_written_is_told_of_once_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    found, said = use(tmp_path, location("a"), location("b"))
    assert found == []
    assert said.count("cannot keep definitions for the next daemon") == 1


def test_a_file_that_is_no_file_is_told_of_and_the_others_are_read(tmp_path: Path) -> None:
    use(tmp_path, location("a"), location("b"))
    (first,) = (path for path in (tmp_path / FOLDER).iterdir() if path.name.startswith("a-"))
    first.unlink()
    first.mkdir()
    said = io.StringIO()
    journal = Journal(stream=said)

    async def read() -> list[str]:
        async with Tasks(journal) as tasks:
            store = Kept(tmp_path, tasks, journal).store
            return sorted(store.read([location("a").spec, location("b").spec]))

    assert asyncio.run(read()) == ["b"]
    journal.close()
    assert "cannot read kept definitions" in said.getvalue()
