"""The state of an earlier version: moved where it is this workspace's, named otherwise."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.state_folder import adopt_earlier_state


def earlier_state(folder: Path) -> Path:
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "etl.log").write_text("a line")
    (folder / "runs.db").write_text("the record")
    (folder / "runs.db-wal").write_text("its newest part")
    return folder


def adopt(folder: Path, earlier: Path) -> str:
    stream = io.StringIO()
    journal = Journal(stream=stream)
    adopt_earlier_state(folder, earlier, journal)
    journal.close()
    return stream.getvalue()


def contents(folder: Path) -> dict[str, str]:
    return {
        str(each.relative_to(folder)): each.read_text()
        for each in folder.rglob("*")
        if each.is_file()
    }


def test_state_of_the_same_hash_is_moved(tmp_path: Path) -> None:
    earlier = earlier_state(tmp_path / "proj-12ab")
    before = contents(earlier)
    folder = tmp_path / "project-12ab"
    folder.mkdir()
    (folder / "hostlerd.log").write_text("of this start")
    assert "moved the state of an earlier version" in adopt(folder, earlier)
    assert contents(folder) == {**before, "hostlerd.log": "of this start"}
    assert not earlier.exists()
    assert adopt(folder, earlier) == ""


def test_a_move_that_was_cut_short_is_continued(tmp_path: Path) -> None:
    earlier, folder = earlier_state(tmp_path / "p-12ab"), tmp_path / "project-12ab"
    before = contents(earlier)
    folder.mkdir()
    (earlier / "runs.db-wal").rename(folder / "runs.db-wal")
    adopt(folder, earlier)
    assert contents(folder) == before


def test_state_of_a_chosen_socket_is_named_and_left(tmp_path: Path) -> None:
    earlier, folder = earlier_state(tmp_path / "h"), tmp_path / "project-12ab"
    said = adopt(folder, earlier)
    assert f"mv {earlier} {folder}" in said
    assert "warning" in said
    assert (earlier / "runs.db").exists()
    assert not folder.exists()


def test_a_record_that_is_there_wins(tmp_path: Path) -> None:
    earlier, folder = earlier_state(tmp_path / "p-12ab"), tmp_path / "project-12ab"
    folder.mkdir()
    (folder / "runs.db").write_text("the new record")
    assert adopt(folder, earlier) == ""
    assert (folder / "runs.db").read_text() == "the new record"
    assert (earlier / "runs.db").exists()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    earlier = earlier_state(tmp_path / "p-12ab")
    (tmp_path / "file").touch()
    assert "cannot move the state" in adopt(tmp_path / "file" / "project-12ab", earlier)
    assert (earlier / "runs.db").exists()


@pytest.mark.parametrize("name", ["p-12ab", "h"])
def test_nothing_earlier_is_nothing_to_say(tmp_path: Path, name: str) -> None:
    assert adopt(tmp_path / "project-12ab", tmp_path / name) == ""
