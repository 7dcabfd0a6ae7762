from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.base.state_format import FILE, FORMAT, StateFolderError, require_readable

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_folder_gets_the_present_format_and_is_good_from_then_on(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "state"
    require_readable(folder)
    written = (folder / FILE).read_bytes()
    assert json.loads(written)["format"] == FORMAT
    require_readable(folder)
    assert (folder / FILE).read_bytes() == written
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_folder_from_before_the_format_was_written_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"kept")
    require_readable(tmp_path)
    assert (tmp_path / "runs.db").read_bytes() == b"kept"


def test_a_newer_folder_is_refused_and_not_touched(tmp_path: Path) -> None:
    newer = json.dumps({"format": FORMAT + 1, "hostler": "9.8.7"})
    (tmp_path / FILE).write_text(newer)
    with pytest.raises(StateFolderError) as caught:
        require_readable(tmp_path)
    said = str(caught.value)
    assert str(tmp_path) in said
    assert "hostler 9.8.7 has written it in format 2" in said
    assert "--state" in said
    assert (tmp_path / FILE).read_text() == newer
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"format": "x", "hostler": "y"}'])
def test_a_format_that_cannot_be_read_is_no_reason_to_write(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StateFolderError, match="cannot use the state folder"):
        require_readable(tmp_path)
    assert (tmp_path / FILE).read_text() == text
